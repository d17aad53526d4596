/**
 * Why a request failed.
 *
 * - `status`, `check`: the answer was not what the step expects (`check` includes extracts that are not there)
 * - `timeout`: no complete answer within the time-out, counted from the intended start
 * - `connection`: refused, reset, or closed before the answer was complete
 * - `protocol`: the answer was not HTTP
 * - `template`: a placeholder had no value, or the step's own code failed; nothing was sent
 * - `overflow`: the generator held more due requests than it has room for; nothing was sent
 */
export type FailureKind = (typeof FAILURE_KINDS)[number]

/** All kinds, in the order in which they are counted. */
export const FAILURE_KINDS = ['status', 'check', 'timeout', 'connection', 'protocol', 'template', 'overflow'] as const

/** One failed request. */
export interface Failure {
  readonly kind: FailureKind
  /** In words, for people: `expected status 201, got 503`. */
  readonly problem: string
}
