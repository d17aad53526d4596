import type { RequestMatch } from '../blueprint/resolved-traffic.ts'
import type { BackupStatus } from './backup-status.ts'
import type { QueueStatus } from './queue-status.ts'
import type { TopicStatus } from './topic-status.ts'

/**
 * The whole state of a running system as an operator sees it: plain JSON, replaced as a whole, versioned. Everything
 * that reports goes through it; `status`, the dashboard and rehearsals read nothing else.
 */
export interface SystemSnapshot {
  /** Grows by one with each change; a watcher asks for "newer than". */
  readonly version: number
  readonly system: string
  readonly configuration: string
  /** Id of this run of the control plane. */
  readonly run: string
  readonly pid: number
  readonly startedEpochMs: number
  readonly phase: SystemPhase
  /** Control time runs so many times as fast as the clock; absent: just as fast. */
  readonly timeScale?: number
  readonly gateway: GatewayStatus
  readonly services: Readonly<Record<string, ServiceStatus>>
  readonly databases: Readonly<Record<string, DatabaseStatus>>
  /** Topics and queues: absent until they were looked at, and where there are none. */
  readonly topics?: Readonly<Record<string, TopicStatus>>
  readonly queues?: Readonly<Record<string, QueueStatus>>
  /** Where measurements can be read; absent until they can. */
  readonly telemetry?: TelemetryStatus
  /** The rehearsal that runs, or the last one. */
  readonly rehearsal: RehearsalStatus | undefined
  /** Things a person should know: limits not enforced, a port that was taken. */
  readonly notices: readonly Notice[]
}

export interface TelemetryStatus {
  /** For Prometheus, on this machine only. */
  readonly metricsUrl: string
}

export type SystemPhase = 'starting' | 'running' | 'degraded' | 'stopping' | 'stopped'

export interface Notice {
  readonly atEpochMs: number
  readonly level: 'info' | 'warning' | 'error'
  readonly message: string
  readonly hint?: string
  /** What it is about, where that can change: a later notice about the same takes its place. */
  readonly about?: string
}

export interface GatewayStatus {
  readonly state: 'starting' | 'running' | 'failed' | 'stopped'
  readonly pid?: number
  /** Base URL of the public listener. */
  readonly url?: string
  /** Base URL of the listener for calls between services. */
  readonly internalUrl?: string
  /** Instances that the gateway sends nothing to, though they are ready; absent when there are none. */
  readonly unwell?: readonly UnwellInstance[]
}

/** An instance that answers badly, as the gateway sees it. */
export interface UnwellInstance {
  readonly service: string
  readonly instance: string
  /** For people: `5 failures in a row: out for 30 s`. */
  readonly reason: string
  /** So many are unwell that all get requests again. */
  readonly isServedNonetheless: boolean
}

/** When a job ran and will run. */
export interface JobStatus {
  /** Absent: never. */
  readonly nextEpochMs?: number
  /** How many run now. */
  readonly running: number
  /** The run of the latest time that was due. */
  readonly last?: JobRun
}

/** One run of a job, or why there was none. */
export interface JobRun {
  /** The time of the schedule that it is for. */
  readonly scheduledEpochMs: number
  readonly startedEpochMs?: number
  readonly endedEpochMs?: number
  readonly outcome: 'running' | 'succeeded' | 'failed' | 'timed-out' | 'interrupted' | 'skipped'
  /** How it ended, with the line of its output that says most; why it was skipped. */
  readonly reason?: string
}

export interface ServiceStatus {
  readonly name: string
  /** What it is, if not a server with instances: files that the gateway serves, a program that runs at times. */
  readonly kind?: 'files' | 'job'
  /** Of a job: when it ran and will run. */
  readonly job?: JobStatus
  readonly desired: number
  /** Content address of the release that instances run. */
  readonly release?: string
  /** A release that serves and may still be rolled back. */
  readonly releasing?: ReleasingStatus
  /** The releases that it ran, the latest first; a few. */
  readonly releases?: readonly ReleaseEntry[]
  /** How `desired` is decided; absent where nothing but the blueprint and commands set it. */
  readonly scaling?: ScalingStatus
  readonly instances: readonly InstanceStatus[]
}

export interface ScalingStatus {
  /** `manual`: somebody has set the number, and it stays until they say `auto`. */
  readonly mode: 'auto' | 'manual'
  readonly metric: string
  readonly target: number
  /** The last look, whatever came of it; absent before the first. */
  readonly last?: ScalingSummary
  /** The last one that changed something. */
  readonly lastChange?: ScalingSummary
}

/** One decision of the autoscaler. */
export interface ScalingSummary {
  readonly atEpochMs: number
  readonly from: number
  readonly to: number
  /** The signal; absent where nothing was measured, or nobody had to look. */
  readonly value?: number
  /** How many the signal alone asks for. */
  readonly wanted?: number
  /** What kept it from that, and by whom: `cap` by `cores`. */
  readonly limit?: 'min' | 'max' | 'cap' | 'rate' | 'stabilisation' | 'unmeasured'
  readonly limitedBy?: string
  /** For people: `cpu 0.85, target 0.6: wanted 9, capped at 4 by cores`. */
  readonly reason: string
}

/** How a new release of a service is tried. */
export interface ReleasingStatus {
  readonly release: string
  /** `canary`: some instances run it; `watched`: all do. */
  readonly phase: 'canary' | 'watched'
  /** Share of the requests that the canary gets. */
  readonly share?: number
  /** Requests that it gets besides. */
  readonly match?: RequestMatch
  /** When that ends. */
  readonly untilEpochMs: number
}

/** One release of a service: when it came, and what became of it. */
export interface ReleaseEntry {
  /** Its content address. */
  readonly release: string
  readonly atEpochMs: number
  /** What brought it. */
  readonly by: 'up' | 'apply' | 'release' | 'rollback'
  /**
   * `released`: all instances were replaced; the first of these is what runs. `interrupted`: the control plane died
   * before it was known.
   */
  readonly state: 'under-way' | 'released' | 'rolled-back' | 'interrupted'
  /** Why it was rolled back. */
  readonly reason?: string
}

/**
 * `starting` → `ready` → `draining` → `stopping` → `stopped`; a crash leads to `backing-off` and to `starting` again,
 * several in a row to `crash-looping`, which is the same with a longer pause and a notice.
 */
export type InstanceState = 'starting' | 'ready' | 'draining' | 'stopping' | 'stopped' | 'backing-off' | 'crash-looping'

export interface InstanceStatus {
  /** `api-1` */
  readonly id: string
  /** Where it counts as being, for services with zones. */
  readonly zone?: string
  /** What it runs, if that is not what the service runs: it is tried, or replaced. */
  readonly release?: string
  readonly state: InstanceState
  readonly pid?: number
  readonly port?: number
  readonly restarts: number
  readonly sinceEpochMs: number
  /** Why it is in this state: the last exit, the reason for a restart, what is wrong with one that is ready. */
  readonly reason?: string
  /** Why it was started again the last time, also when it has been ready since. */
  readonly lastFailure?: { readonly atEpochMs: number; readonly reason: string }
}

/** A server of a database. */
export interface DatabaseNodeStatus {
  readonly id: string
  /** The standby is the one that may take over; a replica takes reads only. */
  readonly role: 'primary' | 'standby' | 'replica'
  readonly state: 'starting' | 'cloning' | 'ready' | 'waiting' | 'failed'
  /** Why it is not ready. */
  readonly reason?: string
  readonly zone?: string
  readonly pid?: number
  readonly port?: number
  /** Of a follower: write-ahead log that its readers do not see yet. */
  readonly lagBytes?: number
}

/** A database, or one shard of it. */
export interface DatabaseStatus {
  /** `orders`, or `orders-2` for a shard. */
  readonly name: string
  /** Absent: it is a whole database. */
  readonly shard?: ShardStatus
  readonly state: 'starting' | 'recovering' | 'migrating' | 'seeding' | 'ready' | 'failed' | 'stopped'
  readonly version?: string
  readonly nodes: readonly DatabaseNodeStatus[]
  /** Which primary it is, counted from 1; only where another node could take over. */
  readonly term?: number
  /** How often another node has taken over since the start. */
  readonly failovers?: number
  /** Writes are not protected as the blueprint says, or nobody takes them. */
  readonly alarm?: { readonly reason: string; readonly sinceEpochMs: number }
  readonly reason?: string
  /** Absent: none are taken. */
  readonly backup?: BackupStatus
}

export interface ShardStatus {
  /** Of which it is one. */
  readonly database: string
  /** Counted from 0. */
  readonly number: number
  /** How many buckets it owns; absent before that was looked at. */
  readonly buckets?: number
}

export interface RehearsalStatus {
  readonly id: string
  readonly state: 'running' | 'passed' | 'failed' | 'invalid' | 'aborted'
  readonly startedEpochMs: number
  /** How long it was planned to take, so that a reader knows how far it is. */
  readonly durationMs: number
  /** File with the whole report, once it has ended. */
  readonly reportFile?: string
}
