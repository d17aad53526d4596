import type { Duration } from '../core/duration.ts'

/** When a job runs, and what becomes of runs that can't be as planned. */
export interface Schedule {
  /**
   * Minute, hour, day of the month, month and day of the week.
   * @example cron: '0 3 * * mon-fri'
   */
  cron: string
  /**
   * Whose clocks count.
   * @default 'UTC'
   * @example timezone: 'Europe/Berlin'
   */
  timezone?: string
  /**
   * What becomes of a run that is due while the one before is not over: it is left out, or runs, five at once at most.
   * @default 'skip'
   * @example overlap: 'allow'
   */
  overlap?: 'skip' | 'allow'
  /**
   * What becomes of times at which the system did not run: one run afterwards for all of them, or none.
   * @default 'once'
   * @example missed: 'skip'
   */
  missed?: 'once' | 'skip'
  /**
   * How long a run may take; then it is ended as an instance is. A day at most.
   * @default '1h'
   * @example timeLimit: '10m'
   */
  timeLimit?: Duration
}
