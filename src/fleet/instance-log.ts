import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../core/clock.ts'
import { systemClock } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import type { LineFilter } from '../control/log-source.ts'
import type { FollowedLog } from './followed-log.ts'
import { followLog } from './followed-log.ts'
import { timeOfLine } from './line-time.ts'
import type { PastLine } from './past-lines.ts'
import { pastLines } from './past-lines.ts'
import type { LogRotation } from './rotate-log.ts'
import { LOG_ROTATION_DEFAULT } from './rotate-log.ts'

/** One line that an instance has printed. */
export interface InstanceLine {
  readonly service: string
  readonly instance: string
  readonly line: string
  /** When it says that it was written; else when it was read, or, of an old line, the time of the one before. */
  readonly atEpochMs?: number
}

/** The output of all instances below one directory: followed, kept small, and read back. */
export interface InstanceLogs {
  /** Calls `listener` with each new line, within some 200 ms, until the returned function is called. */
  subscribe(listener: (line: InstanceLine) => void): () => void
  /**
   * The last lines of a service's instances, or of one of them; instance by instance, each oldest first, older files
   * included. Nothing for what has never printed.
   *
   * @param count how many of each instance at most
   * @param filter which lines count
   */
  last(service: string, count: number, instance?: string, filter?: LineFilter): Promise<readonly InstanceLine[]>
  /** Passes on what has come until now, and ends. */
  close(): Promise<void>
}

/** What to follow, and the bounds. */
export interface InstanceLogsOptions {
  /** Holds `<service>/<instance>.log`. */
  readonly directory: string
  /** @default 10 MiB a file, 5 old ones */
  readonly rotation?: LogRotation
  /** Lines of one instance that are passed on in a second; more are counted and left out. @default 1,000 */
  readonly linesPerSecondMax?: number
  /** Gets what went wrong with a log; the others go on. */
  readonly onProblem?: (message: string) => void
  readonly clock?: Clock
  /** Takes secrets out of a line. @default lines stay as they are */
  readonly hide?: (line: string) => string
}

const LOOK_INTERVAL_MS = 200
const SUFFIX = '.log'

interface KnownLog {
  readonly service: string
  readonly instance: string
  readonly log: FollowedLog
}

/**
 * Follows the logs of instances from now on; what was printed before is only read back.
 *
 * @example
 * const logs = createInstanceLogs({ directory: 'state/logs' })
 * logs.subscribe(({ instance, line }) => process.stdout.write(`${instance} | ${line}\n`))
 */
export function createInstanceLogs(options: InstanceLogsOptions): InstanceLogs {
  const { directory, rotation = LOG_ROTATION_DEFAULT, clock = systemClock, hide = (line) => line } = options
  const linesMax = Math.ceil(((options.linesPerSecondMax ?? 1_000) * LOOK_INTERVAL_MS) / 1_000)
  const listeners = new Set<(line: InstanceLine) => void>()
  const known = new Map<string, KnownLog>()
  let looking: Promise<void> | undefined

  function discover(isFirst: boolean): void {
    for (const service of namesIn(directory)) {
      for (const file of namesIn(join(directory, service))) {
        const path = join(directory, service, file)
        if (!file.endsWith(SUFFIX) || known.has(path)) continue
        const fromByte = isFirst ? statSync(path).size : 0
        const instance = file.slice(0, -SUFFIX.length)
        known.set(path, { service, instance, log: followLog(path, fromByte, rotation) })
      }
    }
  }

  function give(service: string, instance: string, lines: readonly string[]): void {
    for (const line of lines) {
      const atEpochMs = timeOfLine(line) ?? clock.epochMs()
      for (const listener of listeners) listener({ service, instance, line: hide(line), atEpochMs })
    }
  }

  async function lookAtAll(): Promise<void> {
    discover(false)
    for (const [path, { service, instance, log }] of known) {
      const lostBefore = log.bytesLost
      try {
        give(service, instance, await log.look(linesMax))
        if (log.bytesLost - lostBefore > rotation.bytesMax) options.onProblem?.(flooded(instance))
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') known.delete(path)
        else options.onProblem?.(`the log of ${instance}: ${messageOf(error)}`)
      }
    }
  }

  function look(): Promise<void> {
    // A slow disk makes looks rarer, not more at once.
    looking ??= lookAtAll().finally(() => {
      looking = undefined
    })
    return looking
  }

  async function lastOf(
    service: string,
    instance: string,
    count: number,
    filter: LineFilter,
  ): Promise<readonly PastLine[]> {
    const path = join(directory, service, `${instance}${SUFFIX}`)
    let lines = await pastLines(path, count, filter)
    for (let age = 1; age <= rotation.keep && lines.length < count; age++) {
      lines = [...(await pastLines(`${path}.${age}`, count - lines.length, filter)), ...lines]
    }
    return lines
  }

  discover(true)
  const cancel = clock.every(LOOK_INTERVAL_MS, () => void look(), { unref: true })
  return {
    subscribe(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    async last(service, count, instance, filter = {}) {
      const files = namesIn(join(directory, service)).filter((file) => file.endsWith(SUFFIX))
      const all = files.map((file) => file.slice(0, -SUFFIX.length)).sort(inNumericOrder)
      const lines: InstanceLine[] = []
      for (const name of all.filter((name) => instance === undefined || name === instance)) {
        for (const line of await lastOf(service, name, count, filter))
          lines.push({ service, instance: name, ...line, line: hide(line.line) })
      }
      return lines
    },
    async close() {
      cancel()
      await looking
      await look()
      for (const { service, instance, log } of known.values()) give(service, instance, log.flush())
    },
  }
}

/** Always the same text, so that whoever collects problems has it once. */
function flooded(instance: string): string {
  return `${instance} prints faster than its log is kept: parts of it are left out`
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory)
  } catch {
    // Not there yet, or a file.
    return []
  }
}

function inNumericOrder(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true })
}
