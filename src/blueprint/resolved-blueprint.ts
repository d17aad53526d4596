import type { Sharding } from './database.ts'
import type { ResolvedBackup, ResolvedRecovery } from './resolved-backup.ts'
import type { ResolvedScale } from './resolved-scale.ts'
import type { ResolvedTraffic } from './resolved-traffic.ts'
import type { Arrivals, Scenario } from './scenario.ts'

/**
 * A blueprint after `check`: every default filled in, every duration in milliseconds, every size in bytes, every path
 * absolute. This is what the rest of Tenfold reads; nothing else interprets what the user wrote.
 */
export interface ResolvedBlueprint {
  readonly name: string
  /** The blueprint's file, absolute. */
  readonly file: string
  /** The file's directory: relative paths in the blueprint start here. */
  readonly directory: string
  /** `tenfold` for `tenfold.config.ts`, `before` for `before.config.ts`: tells the states of two configurations apart. */
  readonly configuration: string
  readonly gateway: ResolvedGateway
  readonly databases: Readonly<Record<string, ResolvedDatabase>>
  readonly topics: Readonly<Record<string, ResolvedTopic>>
  readonly queues: Readonly<Record<string, ResolvedQueue>>
  readonly services: Readonly<Record<string, ResolvedService>>
  /** Where secrets are looked up that the environment of `tenfold` does not have, absolute; undefined: nowhere else. */
  readonly secretsFile?: string | undefined
  readonly objectives: Readonly<Record<string, ResolvedObjective>>
  readonly load: ResolvedLoad | undefined
}

export interface ResolvedGateway {
  readonly host: string
  /** Wanted port of the public listener; where it was not given and is taken, a free one is used and printed. */
  readonly port: number
  readonly isPortGiven: boolean
  /** Of the head of a request; more is answered 431. */
  readonly headers: { readonly bytesMax: number; readonly countMax: number }
  /** Files, absolute; the first is for whoever asks for no name. None: plain HTTP. */
  readonly certificates: readonly ResolvedCertificate[]
}

/** What the gateway takes as the head of a request, where a blueprint says nothing. */
export const DEFAULT_HEADERS: ResolvedGateway['headers'] = { bytesMax: 16_384, countMax: 100 }

export interface ResolvedCertificate {
  readonly certificate: string
  readonly key: string
}

export interface ResolvedDatabase {
  readonly name: string
  readonly engine:
    | { readonly kind: 'embedded' }
    /** A server that already runs; the URL is read from this variable of the environment. */
    | { readonly kind: 'server'; readonly urlVariable: string }
  /** Directories of `*.sql` files, absolute, applied in this order. */
  readonly migrations: readonly string[]
  /** Modules that export `seed` (see `seed.ts`), absolute; each run once, after the migrations, in one transaction. */
  readonly seeds: readonly string[]
  /** Of one instance to each node; absent: as many as there is room for, up to ten. */
  readonly connections?: number
  readonly resources: ResolvedResources
  /** Absent: it has one node. */
  readonly followers?: ResolvedFollowers
  /** Labels of places that nodes spread over; absent where there are none. */
  readonly zones?: readonly string[]
  /** Undefined: no backups are taken. */
  readonly backup?: ResolvedBackup | undefined
  readonly recovery?: ResolvedRecovery | undefined
  /** Absent: it is one cluster. */
  readonly sharding?: ResolvedSharding
}

/** How a database is spread over clusters. */
export interface ResolvedSharding {
  /** The column that decides. */
  readonly key: string
  readonly strategy: Sharding
  /** How many clusters. */
  readonly count: number
  /** Tables that every shard holds whole, as the blueprint names them. */
  readonly reference: readonly string[]
}

/** The nodes that follow the primary of a database. */
export interface ResolvedFollowers {
  /** All of them, the standby too. */
  readonly count: number
  /** Whether COMMIT waits for one of them, which takes over when the primary dies. */
  readonly isSynchronous: boolean
  /** What becomes of writes while there is none to wait for. */
  readonly durability: 'preferred' | 'required'
}

export interface ResolvedTopic {
  readonly name: string
  readonly engine: ResolvedTopicEngine
  /** The field of an event that is its key. */
  readonly key: string
  readonly partitions: number
  readonly retentionMs: number
  /** How long at most what a group has not read; undefined: as long as that takes. */
  readonly keepUnreadMs: number | undefined
  /** Whether transactions that publish the same key wait for each other. */
  readonly isStrict: boolean
  /** Whether its events are checked; the schema itself is in the blueprint's file. */
  readonly hasSchema: boolean
}

export type ResolvedTopicEngine =
  | /** The database that holds its events. */ { readonly kind: 'postgres'; readonly database: string }
  | ResolvedOutsideEngine

/** A server that already runs holds the events. */
export interface ResolvedOutsideEngine {
  readonly kind: 'kafka' | 'rabbitmq'
  /** The database that holds what the engine can't: its outbox, groups, dead letters, and how far it has moved. */
  readonly database: string
  /** The URL of the server is read from this variable of the environment. */
  readonly urlVariable: string
}

export interface ResolvedQueue {
  readonly name: string
  readonly engine: ResolvedQueueEngine
  /** How many items may be under way at once, over all workers; undefined: no limit. */
  readonly limits: { readonly concurrency: number | undefined; readonly concurrencyPerKey: number | undefined }
  /** Whether its items are checked; the schema itself is in the blueprint's file. */
  readonly hasSchema: boolean
}

export type ResolvedQueueEngine =
  | /** The database that holds its items. */ { readonly kind: 'postgres'; readonly database: string }
  | /** The URL of the server is read from this variable. */ { readonly kind: 'rabbitmq'; readonly urlVariable: string }

export interface ResolvedService {
  readonly name: string
  readonly program:
    | /** TypeScript or JavaScript file, absolute. */ { readonly kind: 'entry'; readonly entry: string }
    | /** Shell words, run in the blueprint's directory. */ { readonly kind: 'command'; readonly command: string }
    | /** Files that the gateway serves. */ ResolvedFiles
  /** When it runs; undefined: always. */
  readonly schedule: ResolvedSchedule | undefined
  /** Where it listens whatever `$PORT` says; undefined: on `$PORT`. */
  readonly listensOn: ResolvedPort | undefined
  /** Path prefixes that the public listener sends here; none for an internal service. */
  readonly routes: readonly string[]
  /** By route, where it has a time-out of its own; absent where none has. */
  readonly routeTimeoutsMs?: Readonly<Record<string, number>>
  readonly databases: readonly string[]
  /** Topics that it writes to. */
  readonly publishes: readonly string[]
  /** Topics that it reads. */
  readonly consumes: readonly string[]
  /** Queues that it puts items into. */
  readonly enqueues: readonly string[]
  /** Queues whose items it does. */
  readonly works: readonly string[]
  /** Every database that it connects to: those in `databases`, and those behind its topics and queues. */
  readonly connectsTo: readonly string[]
  readonly calls: readonly string[]
  readonly env: Readonly<Record<string, ResolvedEnvironmentValue>>
  /** How many run: none of what serves files; of a job so many at once, while it runs. */
  readonly instances: { readonly min: number; readonly desired: number; readonly max: number }
  /** Labels of places that instances spread over; absent where there are none. */
  readonly zones?: readonly string[]
  /** What sets how many; undefined: nothing does. */
  readonly scale: ResolvedScale | undefined
  readonly resources: ResolvedResources
  /** Path that answers 2xx when an instance is ready; undefined: ready when the port accepts. */
  readonly health: string | undefined
  /** How long an instance may take to become ready. */
  readonly startTimeoutMs: number
  /** How long an instance may take to finish after SIGTERM. */
  readonly stopTimeoutMs: number
  /** How long the gateway waits for the first byte of an answer, then 504. */
  readonly requestTimeoutMs: number
  readonly traffic: ResolvedTraffic
}

export interface ResolvedFiles {
  readonly kind: 'files'
  /** Absolute. */
  readonly directory: string
  /** File that answers for pages that no file has, relative to the directory. */
  readonly fallback: string | undefined
}

export interface ResolvedSchedule {
  /** Five fields; they have been checked. */
  readonly cron: string
  readonly timezone: string
  readonly overlap: 'skip' | 'allow'
  readonly missed: 'once' | 'skip'
  readonly timeLimitMs: number
}

/** A port that a program has chosen itself. */
export interface ResolvedPort {
  readonly port: number
  /** True: the preload moves it to `$PORT`, a free one. False: it can't be moved, and `$PORT` is this port. */
  readonly isMoved: boolean
}

export type ResolvedEnvironmentValue =
  | { readonly kind: 'literal'; readonly value: string }
  /** Read from the environment of `tenfold`, or the file of secrets, by this name when an instance starts; never hashed, logged or shown. */
  | { readonly kind: 'secret'; readonly name: string }

export interface ResolvedResources {
  /** Cores, for example 0.25; undefined: no limit. */
  readonly cpu: number | undefined
  readonly memoryBytes: number | undefined
}

export interface ResolvedObjective {
  readonly service: string
  /** Share of requests that must succeed, 0 to 1. */
  readonly availability: number | undefined
  /** Bounds on the latency of each percentile, for example `{ percentile: 95, boundMs: 200 }`. */
  readonly latency: readonly { readonly percentile: number; readonly boundMs: number }[]
}

export interface ResolvedLoad {
  /** Sessions per second at the peak. */
  readonly peakPerSecond: number
  readonly scenarios: readonly Scenario[]
  readonly arrivals: Arrivals
  /** How long a rehearsal of the peak takes. */
  readonly durationMs: number
  /** Seconds of the story per second of the rehearsal: 1 is real time. Printed with every result. */
  readonly timeScale: number
}
