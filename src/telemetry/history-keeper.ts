import { createCautiousTime } from './cautious-time.ts'
import { messageOf, TenfoldError } from '../core/errors.ts'
import type { HistoryDatabase } from './history-database.ts'
import { openHistoryDatabase } from './history-database.ts'
import { isDamage } from './history-schema.ts'
import type { HistoryMessage, HistoryRequest, HistoryWorkerData } from './history-protocol.ts'

/** How often the longer steps are made and what is old let go. */
const MAINTENANCE_MS = 5_000
/** How long a file that could not be used is left alone. */
const RETRY_MS = 10_000

/** What the thread does with its requests: all of it but the thread. */
export interface HistoryKeeper {
  answer(request: HistoryRequest): void
}

/**
 * Answers requests from a file that is opened with the first. Nothing that the disk does ends it: a file that can't be
 * opened is tried again every 10 s, one that turns out damaged is put aside, and what could not be written is given up.
 */
export function createHistoryKeeper(
  { file, limits }: HistoryWorkerData,
  options: { tell: (message: HistoryMessage) => void; epochMs: () => number; nowMs: () => number },
): HistoryKeeper {
  const { tell, epochMs, nowMs } = options
  let database: HistoryDatabase | undefined
  let triedMs = Number.NEGATIVE_INFINITY
  let maintainedMs = nowMs()
  let damage: string | undefined
  const maintenanceTime = createCautiousTime({ epochMs, nowMs })

  function open(): HistoryDatabase {
    if (database !== undefined) return database
    if (nowMs() - triedMs < RETRY_MS) throw unavailable('it could not be opened some seconds ago')
    triedMs = nowMs()
    try {
      database = openHistoryDatabase(file, limits, damage)
      damage = undefined
    } catch (error) {
      tell({ kind: 'unavailable', reason: messageOf(error) })
      throw unavailable(messageOf(error))
    }
    const { putAside } = database
    tell({ kind: 'opened', ...(putAside === undefined ? {} : { putAside }) })
    return database
  }

  function work(request: HistoryRequest): HistoryMessage {
    const { id } = request
    if (request.kind === 'close') {
      const open = database
      database = undefined
      open?.close()
      return { kind: 'done', id }
    }
    const opened = open()
    if (request.kind === 'series') return { kind: 'done', id, result: opened.series(request.query) }
    if (request.kind === 'trace') return { kind: 'done', id, result: opened.trace(request.traceId) }
    if (request.kind === 'traces') return { kind: 'done', id, result: opened.traces(request.query) }
    if (request.kind === 'stats') return { kind: 'done', id, result: opened.stats() }
    if (request.kind === 'spans') opened.addSpans(request.spans)
    else opened.write(request.frames)
    if (nowMs() - maintainedMs >= MAINTENANCE_MS) {
      maintainedMs = nowMs()
      opened.maintain(maintenanceTime())
    }
    return { kind: 'done', id }
  }

  /** The next request opens it again, which puts a damaged file aside. */
  function giveUp(error: unknown): void {
    const broken = database
    database = undefined
    damage = isDamage(error) ? messageOf(error) : undefined
    triedMs = damage === undefined ? nowMs() : Number.NEGATIVE_INFINITY
    try {
      broken?.close()
    } catch {
      // It was broken: what waited to be written is lost, which the failed request says.
    }
    if (damage === undefined) tell({ kind: 'unavailable', reason: messageOf(error) })
  }

  return {
    answer(request) {
      try {
        tell(work(request))
      } catch (error) {
        const isOurs = error instanceof TenfoldError
        if (!isOurs) giveUp(error)
        const known = isOurs ? error : unavailable(messageOf(error))
        const hint = known.hint === undefined ? {} : { hint: known.hint }
        tell({ kind: 'failed', id: request.id, code: known.code, message: known.message, ...hint })
      }
    },
  }
}

function unavailable(reason: string): TenfoldError {
  return new TenfoldError(
    'TF_HISTORY_UNAVAILABLE',
    `expected the history of measurements to be readable, got: ${reason}`,
    {
      hint: 'make room on the disk, or give the state directory back to its owner; it is tried again every 10 s',
    },
  )
}
