/** What sets the number of a service's instances, every default filled in: the numbers of the rendered HPA. */
export interface ResolvedScale {
  readonly metric: 'cpu' | 'elu' | 'inflight' | 'arrivals'
  /** Shares for `cpu` and `elu`; requests per instance, or a second and instance, for the others. */
  readonly target: number
  /** So far the metric may be above the target, or below it, as shares of it, and nothing happens. */
  readonly tolerance: { readonly out: number; readonly in: number }
  /** The most careful recommendation of this time holds. */
  readonly stabilisationMs: { readonly out: number; readonly in: number }
}
