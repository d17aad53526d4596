import type { Duration } from '../core/duration.ts'
import type { Arrivals, Scenario } from './scenario.ts'

/** Sessions that start per unit of time. */
export type Rate = `${number} sessions/${'s' | 'min'}`

/** The peak that the system has to carry. */
export interface Load {
  /**
   * Sessions that start at the peak, per `s` or `min`.
   * @example peak: '400 sessions/s'
   */
  peak: Rate
  /**
   * What users do; their weights share the sessions.
   * @example scenarios: [dinner]
   */
  scenarios: readonly Scenario[]
  /**
   * How sessions arrive.
   * @default { shape: 'poisson' }
   * @example arrivals: { shape: 'day' }
   */
  arrivals?: Arrivals
  /**
   * How long a rehearsal of the peak takes.
   * @default '30s'
   * @example duration: '2m'
   */
  duration?: Duration
  /**
   * Seconds of the story per second of the rehearsal; 1 is real time.
   * @default 1
   * @example timeScale: 60
   */
  timeScale?: number
}
