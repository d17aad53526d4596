/**
 * Anything with a life: a server, a cluster, a generator.
 *
 * `start` may fail; then nothing of it runs. `stop` is safe before start, twice, and during start (it cancels the
 * start, which rejects); when it returns, nothing of the component runs any more: no process, timer, socket or listener.
 * `componentCases` of `tenfold/testing` hammer any component with these rules.
 */
export interface Component {
  /**
   * Resolves when the component does its work; rejects, with nothing left running, when it can't or is aborted. From
   * then on the signal means nothing: only `stop` ends a component that works.
   */
  start(signal?: AbortSignal): Promise<void>
  /** Ends the work: politely until `deadlineMs` from now has passed, then by force. */
  stop(deadlineMs?: number): Promise<void>
}

/** How long a polite stop may take where nobody says otherwise. */
export const STOP_DEADLINE_MS_DEFAULT = 10_000
