import { createChangeSignal } from './change-signal.ts'

/** One line that an instance has printed. */
export interface LogLine {
  readonly service: string
  readonly instance: string
  readonly line: string
  /**
   * When it was written, if the line says so itself; else, for a new line, when it was read, which is some 200 ms later,
   * and for an old one the time of the line before it. Absent for an old line before the first that says.
   */
  readonly atEpochMs?: number
}

/** Which lines are wanted, beside where they come from. */
export interface LineFilter {
  /** From this moment on. */
  readonly sinceEpochMs?: number | undefined
  /** Texts that a line must hold, all of them, as they are. */
  readonly contains?: readonly string[] | undefined
  /** Texts of which a line must hold one. */
  readonly containsAny?: readonly string[] | undefined
}

/** Whether a filter wants a line; of one whose time nobody knows only the text counts. */
export function isLineWanted(line: string, atEpochMs: number | undefined, filter: LineFilter): boolean {
  const { sinceEpochMs, contains = [], containsAny } = filter
  if (sinceEpochMs !== undefined && atEpochMs !== undefined && atEpochMs < sinceEpochMs) return false
  if (containsAny?.some((text) => line.includes(text)) === false) return false
  return contains.every((text) => line.includes(text))
}

/** Where the control server reads the output of instances; `runtime` gives it the fleet's. */
export interface LogSource {
  /** The last lines of a service's instances that are wanted, at most `count` of each; of one of them where it is named. */
  last(service: string, count: number, instance?: string, filter?: LineFilter): Promise<readonly LogLine[]>
  /** Calls `listener` with each new line until the returned function is called. */
  subscribe(listener: (line: LogLine) => void): () => void
}

/** Lines that wait for a reader who is slower than the instances; beyond it the oldest are left out and counted. */
const WAITING_MAX = 10_000

/**
 * New lines for which `isWanted` holds, until `signal`. Subscribes at the call, so that nothing is missed between it and
 * the first reading.
 */
export function followLines(
  source: LogSource,
  isWanted: (line: LogLine) => boolean,
  signal: AbortSignal,
): AsyncGenerator<LogLine, void, undefined> {
  const waiting: LogLine[] = []
  const arrived = createChangeSignal()
  let dropped = 0
  const unsubscribe = source.subscribe((line) => {
    if (!isWanted(line)) return
    if (waiting.length === WAITING_MAX) {
      waiting.shift()
      dropped += 1
    }
    waiting.push(line)
    arrived.notify()
  })
  signal.addEventListener('abort', unsubscribe, { once: true })

  async function* read(): AsyncGenerator<LogLine, void, undefined> {
    try {
      while (!signal.aborted) {
        const line = waiting.shift()
        if (line === undefined) {
          await arrived.next(signal)
          continue
        }
        if (dropped > 0) {
          yield { ...line, line: `… ${dropped} lines left out: the reader was too slow` }
          dropped = 0
        }
        yield line
      }
    } finally {
      unsubscribe()
    }
  }
  return read()
}
