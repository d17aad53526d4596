/**
 * The addresses a service instance may use, and nothing else. The file is named by `TENFOLD_BINDINGS`, readable by the
 * instance's user only, replaced atomically and re-read when it changes; on Kubernetes a ConfigMap and a Secret.
 */
export interface BindingsDocument {
  readonly layout: 1
  readonly service: string
  readonly databases: Readonly<Record<string, DatabaseBinding>>
  readonly services: Readonly<Record<string, ServiceBinding>>
  /** Topics that it writes to. @default none */
  readonly publishes?: Readonly<Record<string, TopicBinding>>
  /** Topics that it reads. @default none */
  readonly consumes?: Readonly<Record<string, TopicBinding>>
  /** Queues that it puts items into. @default none */
  readonly enqueues?: Readonly<Record<string, QueueBinding>>
  /** Queues whose items it does. @default none */
  readonly works?: Readonly<Record<string, QueueBinding>>
  /** Databases that hold its topics and queues and that it does not list. @default none */
  readonly unlisted?: Readonly<Record<string, DatabaseBinding>>
  /** Nobody sends it requests: it need not listen, and is ready when its handlers take part. @default false */
  readonly isWorker?: boolean
  /** How long an instance may take to finish after SIGTERM. @default 10000 */
  readonly stopTimeoutMs?: number
}

export interface TopicBinding {
  /** The field of an event that is its key. */
  readonly key: string
  /** See `Topic.order`. @default false */
  readonly isStrict?: boolean
  /** The database that holds it, or what its engine can't hold: one of `databases` or of `unlisted`. */
  readonly database: string
  /** Who holds its events instead. @default the database */
  readonly engine?: OutsideEngineBinding
  /** Whether the blueprint, which `TENFOLD_BLUEPRINT` names, has a schema for its events. */
  readonly hasSchema: boolean
}

export interface OutsideEngineBinding {
  readonly kind: 'kafka' | 'rabbitmq'
  /** With its password, as that of a database. */
  readonly url: string
  readonly partitions: number
  /** All that read the topic: whoever is first on RabbitMQ makes their queues. */
  readonly groups: readonly string[]
}

export interface DatabaseBinding {
  /** Shard key column, if the database is sharded. */
  readonly key?: string
  /** One per shard, in shard order; an unsharded database has exactly one. */
  readonly shards: readonly ShardBinding[]
  /**
   * The primary, whichever node that is: the same for the life of the system, also in `TENFOLD_DATABASE_<NAME>`. Absent
   * where the database is sharded.
   */
  readonly url?: string
  /** Connections one instance may hold to each node of a shard. */
  readonly connectionsMax: number
}

/** The nodes of a shard, as a service reaches them. */
export interface ShardBinding {
  /** The primary. */
  readonly url: string
  /**
   * Which primary this is: 1 for the first, one more after each promotion. A service compares it with the greatest term
   * in the table `tenfold.term` of that server, so that nobody writes to a primary of before. Absent for a server that
   * somebody else runs, where nothing is compared.
   */
  readonly term?: number
  /** Nodes that take reads now; a standby is one of them. */
  readonly replicas?: readonly { readonly url: string }[]
}

export interface ServiceBinding {
  /** Base URL on the gateway's internal listener, also in `TENFOLD_URL_<SERVICE>`. */
  readonly url: string
}

export interface QueueBinding {
  /** The database that holds it: one of `databases` or of `unlisted`; undefined where `engine` does. */
  readonly database?: string
  /** With its password, as that of a database. @default none: it is in the database */
  readonly engine?: { readonly kind: 'rabbitmq'; readonly url: string }
  /** Whether the blueprint has a schema for its items. */
  readonly hasSchema: boolean
}
