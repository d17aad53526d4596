/** What sets the number of a service's instances, every default filled in: the numbers of the rendered HPA. */
export type ResolvedScale = ResolvedThresholds &
  (
    | { readonly metric: 'cpu' | 'elu' | 'inflight' | 'arrivals' | 'lag' }
    | ({ readonly metric: 'custom' } & ResolvedGauge)
  )

/** Around which value of the signal nothing happens, and for how long. */
export interface ResolvedThresholds {
  /** Shares for `cpu` and `elu`; requests per instance, or a second and instance; seconds for `lag`; the gauge per instance. */
  readonly target: number
  /** So far the metric may be above the target, or below it, as shares of it, and nothing happens. */
  readonly tolerance: { readonly out: number; readonly in: number }
  /** The most careful recommendation of this time holds. */
  readonly stabilisationMs: { readonly out: number; readonly in: number }
}

/** A number that each instance publishes in the text format of Prometheus. */
export interface ResolvedGauge {
  readonly name: string
  /** The path that it is on. */
  readonly from: string
  /** Series that have all of these count; several are added. */
  readonly labels: Readonly<Record<string, string>>
}

/** What a signal is called where people read it. */
export function signalName(scale: ResolvedScale): string {
  return scale.metric === 'custom' ? scale.name : scale.metric
}

/** What a value of the signal is counted in, where people read it: `' s'`, or nothing. */
export function signalUnit(scale: ResolvedScale): string {
  return scale.metric === 'lag' ? ' s' : ''
}
