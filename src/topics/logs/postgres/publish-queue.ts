import { TenfoldError } from '../../../core/errors.ts'
import { isServerError } from '../../../sql/sql-failure.ts'

/**
 * What one process publishes outside of transactions, one statement at a time: what comes while it is under way goes with
 * the next. So it costs one commit for many callers, and nobody waits for company: alone, a publish is sent at once.
 */
export interface PublishQueue<Row> {
  /**
   * Resolves when the events are durable. They come behind those of the calls before. One call's events go together, and
   * fail for themselves: what the database refuses because of another call's events is sent again without them.
   *
   * @throws TF_PUBLISH_OVERLOAD too much is waiting already; nothing is published
   */
  publish(events: readonly Row[]): Promise<void>
  /** Resolves when nothing waits any more. */
  drained(): Promise<void>
}

/** What is written: an event and where it goes, or an item of a queue. */
export interface PublishRow {
  readonly event: { readonly payload: string }
}

/** @see createPublishQueue */
export interface PublishQueueOptions<Row> {
  /** Writes events in one statement. */
  insert(events: readonly Row[]): Promise<void>
  /** Events of one statement, unless one call has more. */
  readonly batchMax: number
  /** Characters of one statement, roughly, unless one call has more. @default 4 Mi */
  readonly batchCharsMax?: number
  /** Characters that may wait, roughly. @default 64 Mi */
  readonly waitingCharsMax?: number
}

interface Waiting<Row> {
  readonly events: readonly Row[]
  readonly chars: number
  readonly done: PromiseWithResolvers<void>
}

/** Rows, besides what they say. */
const EVENT_CHARS = 100

export function createPublishQueue<Row extends PublishRow>(options: PublishQueueOptions<Row>): PublishQueue<Row> {
  const { insert, batchMax, batchCharsMax = 4 * 1024 ** 2, waitingCharsMax = 64 * 1024 ** 2 } = options
  const waiting: Waiting<Row>[] = []
  let waitingChars = 0
  let sending: Promise<void> | undefined

  function nextBatch(): readonly Waiting<Row>[] {
    let [count, events, chars] = [0, 0, 0]
    for (const call of waiting) {
      events += call.events.length
      chars += call.chars
      if (count > 0 && (events > batchMax || chars > batchCharsMax)) break
      count++
    }
    const batch = waiting.splice(0, count)
    for (const call of batch) waitingChars -= call.chars
    return batch
  }

  async function sendAll(): Promise<void> {
    while (waiting.length > 0) {
      await send(nextBatch())
      // Those who go on at once shall go together, not the first of them alone and all others behind it.
      await endOfTurn()
    }
    sending = undefined
  }

  async function send(calls: readonly Waiting<Row>[]): Promise<void> {
    try {
      await insert(calls.flatMap(({ events }) => events))
      for (const { done } of calls) done.resolve()
    } catch (error) {
      if (calls.length > 1 && isAboutData(error)) for (const call of calls) await send([call])
      else for (const { done } of calls) done.reject(error)
    }
  }

  return {
    publish(events) {
      const chars = events.reduce((sum, { event }) => sum + EVENT_CHARS + event.payload.length, 0)
      if (waitingChars + chars > waitingCharsMax && waiting.length > 0) return Promise.reject(overload(waiting.length))
      const done = Promise.withResolvers<void>()
      waiting.push({ events, chars, done })
      waitingChars += chars
      sending ??= sendAll()
      return done.promise
    },
    drained: () => sending ?? Promise.resolve(),
  }
}

/** Everybody who was just answered has gone on. */
function endOfTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}

/** Refused because of what one of the rows says, not because of the state that the database is in. */
function isAboutData(error: unknown): boolean {
  return isServerError(error) && ['22', '23', '54'].includes(error.code.slice(0, 2))
}

function overload(calls: number): TenfoldError {
  return new TenfoldError(
    'TF_PUBLISH_OVERLOAD',
    `expected the database to keep up, but ${calls} calls of this process wait for it already`,
    { hint: 'wait for what was published before publishing more, and look whether the database is slow' },
  )
}
