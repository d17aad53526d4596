import type { ChildUser } from '../core/child-user.ts'

/** One object of a repository. */
export interface StoredObject {
  /** Path with `/`, relative to the repository. */
  readonly key: string
  readonly sizeBytes: number
}

/** What was moved, as the reader saw it. */
export interface MovedFile {
  readonly sizeBytes: number
  /** Hexadecimal. */
  readonly sha256: string
}

/** How a file is moved. */
export interface MoveOptions {
  /** About how much there is, so that nobody has to ask. */
  readonly sizeBytes?: number | undefined
  readonly onBytes?: ((bytes: number) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * Where backups are kept. Objects are written once and never changed: what is there under a key stays until it is
 * removed. `repositoryCases` in `test/backups` hold every implementation to this.
 */
export interface BackupRepository {
  /** For people: a folder, or `s3://bucket/prefix`. */
  readonly where: string
  /**
   * Writes an object. When it resolves to `'written'` the object is whole and durable; before, nobody sees a part.
   *
   * @returns `'exists'` when there is one with this key, which stays as it is
   * @throws TF_DISK_FULL, TF_REPOSITORY_UNREACHABLE
   */
  write(key: string, content: Uint8Array): Promise<'written' | 'exists'>
  /**
   * Writes a file as a new object; the file may change meanwhile. Durable only after `settle`.
   *
   * @returns what was read of it, or undefined when the file is gone
   * @throws TF_DISK_FULL, TF_REPOSITORY_UNREACHABLE, also when there is an object with this key
   */
  writeFile(key: string, file: string, options?: MoveOptions): Promise<MovedFile | undefined>
  /** Makes all that `writeFile` wrote durable. */
  settle(): Promise<void>
  /** The object, or undefined. @throws TF_REPOSITORY_UNREACHABLE */
  read(key: string): Promise<Buffer | undefined>
  /**
   * Writes an object into a new file, durable but for its name, and gives it to `user`.
   *
   * @param options.isSynced false where somebody else puts it on the disk
   * @returns what was read, or undefined when there is no such object
   */
  readFile(
    key: string,
    file: string,
    options?: MoveOptions & { readonly user?: ChildUser | undefined; readonly isSynced?: boolean },
  ): Promise<MovedFile | undefined>
  /** All objects whose key begins with this, in order of their keys. @param prefix ends with `/`, or is empty */
  list(prefix: string): Promise<readonly StoredObject[]>
  /** The next part of the keys that begin with this: `['orders', 'catalog']`. @param prefix as of `list` */
  names(prefix: string): Promise<readonly string[]>
  /** Removes objects; one that is gone already is none too few. */
  remove(keys: readonly string[]): Promise<void>
  /** Ends what goes on now: it is rejected, and may be done or not. For those that can take minutes. */
  interrupt?(): void
}
