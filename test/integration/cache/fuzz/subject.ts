/** A cache under test, in one of several processes; ours, or another's. */
export interface CacheSubject {
  open(options: SubjectOptions): Promise<OpenSubject>
}

export interface SubjectOptions {
  /** Of PostgreSQL, direct. */
  readonly databaseUrl: string
  /** Of what processes tell each other by, PostgreSQL or Redis, through a line that may be cut. */
  readonly linkUrl: string
  /** The same, direct. */
  readonly directUrl: string
}

/** An item of the database, as a load sees it and a change makes it. */
export interface ItemStore {
  read(key: string): Promise<number>
  /** Makes the next version, in a transaction that is given to `withIt`; the version when it has committed. */
  change(key: string, withIt: (transaction: unknown) => Promise<void>): Promise<number>
}

export interface OpenSubject {
  /** What is in memory, where it has a way to ask for that alone. */
  peek?(key: string): number | undefined
  get(key: string, load: () => Promise<number>): Promise<number>
  /** Changes an item and invalidates its key, in the best way that it has. */
  change(key: string, store: ItemStore): Promise<number>
  end(): Promise<void>
}
