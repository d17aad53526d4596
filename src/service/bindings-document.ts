/**
 * The addresses a service instance may use, and nothing else. The file is named by `TENFOLD_BINDINGS`, readable by the
 * instance's user only, replaced atomically and re-read when it changes; on Kubernetes a ConfigMap and a Secret.
 */
export interface BindingsDocument {
  readonly layout: 1
  readonly service: string
  readonly databases: Readonly<Record<string, DatabaseBinding>>
  readonly services: Readonly<Record<string, ServiceBinding>>
}

export interface DatabaseBinding {
  /** Shard key column, if the database is sharded. */
  readonly key?: string
  /** One per shard, in shard order; an unsharded database has exactly one. */
  readonly shards: readonly { readonly url: string }[]
  /** Connections one instance may hold per shard. */
  readonly connectionsMax: number
}

export interface ServiceBinding {
  /** Base URL on the gateway's internal listener, also in `TENFOLD_URL_<SERVICE>`. */
  readonly url: string
}
