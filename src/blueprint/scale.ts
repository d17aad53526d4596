import type { Duration } from '../core/duration.ts'

/** When instances are added. */
export interface ScaleOut {
  /** Add instances when the metric is above this. @default 1.1 × the target */
  above?: number
  /** It has to stay there so long: as many are added as every look of this time asks for. @default at once */
  for?: Duration
}

/** When instances are taken away. */
export interface ScaleIn {
  /** Remove instances when the metric is below this. @default 0.9 × the target */
  below?: number
  /** It has to stay there so long: as many are kept as any look of this time asks for. @default '5m' */
  for?: Duration
}

/**
 * The signal that sets the number of instances between `instances.min` and `instances.max`. The number is the one of a
 * Kubernetes HPA: instances × metric / target, rounded up.
 *
 * - `cpu`: share of the CPU limit, or of a core without one, 0 to 1 · `elu`: event-loop utilisation, 0 to 1
 * - `inflight`: requests being served per instance · `arrivals`: requests per second per instance
 * - `lag`: how long instances need for the events and items that wait for them, by what they do when they are busy; of a
 *   service that consumes topics or works on queues
 * - `custom`: the gauge `name` that each instance publishes at the path `from`, in the text format of Prometheus; the
 *   mean of the instances is held at the target. Series with all `labels` count, several are added
 *
 * Latency is no such signal: it is high when a dependency is slow, and more instances make that worse.
 */
export type Scale =
  | { metric: 'cpu' | 'elu' | 'inflight' | 'arrivals'; target: number; out?: ScaleOut; in?: ScaleIn }
  | { metric: 'lag'; target: Duration; out?: ScaleOut; in?: ScaleIn }
  | ScaleByGauge

/** A number that instances publish themselves: jobs that wait, connections that are open. */
export interface ScaleByGauge {
  metric: 'custom'
  /** Of the gauge, as it is published: `jobs_waiting`. */
  name: string
  /** Where each instance publishes it. @default '/metrics' */
  from?: string
  /** Only series that have these count. @default all of the name, added up */
  labels?: Readonly<Record<string, string>>
  target: number
  out?: ScaleOut
  in?: ScaleIn
}
