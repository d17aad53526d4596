import type { Backup, Recovery } from './backup.ts'
import type { Engine } from './engine.ts'
import type { Mistake } from './mistake.ts'
import type { Resources } from './resources.ts'
import type { Carried } from './shape.ts'

/** How the rows of a database are spread over shards. Every table starts its primary key with the shard key. */
export type Sharding =
  | {
      /** By a fixed hash of the key: even, and the choice unless there is a reason for another. */
      by: 'hash'
      count: number
      /** Slices of the key space that move between shards, a power of two; fixed for ever. @default 1024 */
      buckets?: number
    }
  | {
      /** By the remainder of a whole-number key. */
      by: 'modulo'
      count: number
    }
  | {
      /** By order: each bound is the first key of the next shard, so n bounds make n + 1 shards. */
      by: 'range'
      bounds: readonly (string | number)[]
    }
  | {
      /** By enumeration: the keys of each shard, for example countries by region. */
      by: 'list'
      lists: Readonly<Record<string, readonly (string | number)[]>>
      /** The list that takes keys which stand in none. @default such a key is an error */
      otherwise?: string
    }

/** A PostgreSQL database that services share. */
export interface Database<Tables = unknown, Reference extends string = string> extends Engine<'postgres'> {
  /**
   * Row types by table, as Kysely takes them: `shape<Tables>()`.
   * @default any table, columns unknown
   * @example tables: shape<OrderTables>()
   */
  tables?: Tables
  /**
   * The column that decides on which shard a row lives; each table has it, except those in `reference`.
   * @default none: one cluster
   * @example key: 'user_id'
   */
  key?: KeyColumn<NoInfer<Tables>, Reference>
  /**
   * Spreads the rows over several clusters by `key`.
   * @default one cluster
   * @example shards: { by: 'hash', count: 4 }
   */
  shards?: Sharding
  /**
   * Tables without the key, which every shard holds whole: readable without a key.
   * @default none
   * @example reference: ['country']
   */
  reference?: readonly TableName<NoInfer<Tables>>[]
  /**
   * A second node. `'synchronous'`: COMMIT waits until it has the transaction on its disk, and it takes over by itself
   * when the primary dies or hangs; nothing that was acknowledged is lost. `'asynchronous'`: no write waits for it, and it
   * takes over only in a planned switch-over, since it may lack the last transactions.
   * @default none
   * @example standby: 'synchronous'
   */
  standby?: 'synchronous' | 'asynchronous'
  /**
   * What becomes of writes while no synchronous standby is there: `'preferred'` records that nobody can take over, raises
   * an alarm in `tenfold status` and lets them go on; `'required'` lets them wait.
   * @default 'preferred'
   * @example durability: 'required'
   */
  durability?: 'preferred' | 'required'
  /**
   * Nodes that answer reads, a little behind the primary; 16 at most.
   * @default 0
   * @example replicas: 2
   */
  replicas?: number
  /**
   * Labels of places that the nodes are spread over, in this order; the standby is in another one than the primary.
   * @default none
   * @example zones: ['a', 'b']
   */
  zones?: readonly string[]
  /**
   * Backups and the archive of the log, to come back to any moment: `tenfold backup`, `tenfold restore`.
   * @default none
   * @example backup: { to: '/mnt/backups' }
   */
  backup?: Backup
  /**
   * What a disaster may cost; drills compare with it.
   * @default none
   * @example recovery: { time: '15m', loss: '10s' }
   */
  recovery?: Recovery
  /**
   * Directory of `*.sql` files, applied in order, each once; a list is applied in the order given.
   * @default none
   * @example migrations: './migrations'
   */
  migrations?: string | readonly string[]
  /**
   * Module that exports `seed` and fills a new database, run once after the migrations.
   * @default none
   * @example seed: './seed.ts'
   */
  seed?: string | readonly string[]
  /**
   * How many connections one instance of a service may hold to each node. A node takes 90 of all instances together.
   * @default 10, or fewer, so that all instances at their maximum find theirs
   * @example connections: 6
   */
  connections?: number
  /**
   * What each node may use.
   * @default no limit
   * @example resources: { memory: '512MiB' }
   */
  resources?: Resources
}

type IsUntyped<Tables> = unknown extends Carried<Tables> ? true : false

/** Names of the tables; any text if the types are not known. */
export type TableName<Tables> = IsUntyped<Tables> extends true ? string : keyof Carried<Tables> & string

/** Columns that every table outside `reference` has. */
export type KeyColumn<Tables, Reference> =
  IsUntyped<Tables> extends true
    ? string
    : Shared<Omit<Carried<Tables>, Reference & string>> extends infer Column extends string
      ? [Column] extends [never]
        ? Mistake<"no column is in every table: list the tables without the key in 'reference'">
        : Column
      : never

type Shared<Tables> = keyof Tables[keyof Tables] & string
