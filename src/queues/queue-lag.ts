import type { Lag, LagReading } from '../topics/lag.ts'
import { lagBetween } from '../topics/lag.ts'

/** A queue at one moment. */
export interface QueueReading {
  readonly queue: string
  /** Items that may begin, and wait. */
  readonly waiting: number
  /** Counting stopped: more wait. */
  readonly isMore: boolean
  /** How long the oldest of them has been due; undefined: there are none. */
  readonly oldestAgeMs: number | undefined
  /** Items that workers have. */
  readonly running: number
  /** Items that are not due yet, also those that wait for their next try; counted up to the same limit. */
  readonly delayed: number
  /** Items that were ever done: differences are rates. */
  readonly done: bigint
  readonly workers: number
  /** Items that were given up and are kept. */
  readonly deadLetters: number
}

/** All queues of a database at one moment. */
export interface QueuesReading {
  /** Monotonic, of whoever has read it. */
  readonly atMs: number
  readonly queues: readonly QueueReading[]
}

/** Reads how the queues of an engine are; each engine has one. */
export interface QueueLagReader {
  /** To be called about once a second, and not while a call is under way. What it costs has a bound, however much waits. */
  read(): Promise<QueuesReading>
}

/** How far the workers of a queue are behind: in `messages` items that are due or under way; the words are those of topics. */
export interface QueueLag extends Lag {
  readonly queue: string
  readonly waiting: number
  readonly running: number
  readonly delayed: number
  readonly workers: number
}

/**
 * What two readings say about each queue: the lag of the second, and rates between both. Pure.
 *
 * @example queueLagBetween(undefined, reading)[0].waiting // 120
 */
export function queueLagBetween(before: QueuesReading | undefined, now: QueuesReading): readonly QueueLag[] {
  const lags = lagBetween(before === undefined ? undefined : asTopics(before), asTopics(now))
  const byQueue = new Map(lags.map((lag) => [lag.topic, lag]))
  return now.queues.map(({ queue, waiting, running, delayed, workers }) => {
    const { messages, isMore, oldestAgeMs, rates, deadLetters } = byQueue.get(queue) as Lag
    return { queue, waiting, running, delayed, workers, messages, isMore, oldestAgeMs, rates, deadLetters }
  })
}

/** A queue is a topic with one group and one partition. */
function asTopics({ atMs, queues }: QueuesReading): LagReading {
  return {
    atMs,
    topics: [],
    partitions: queues.map(({ queue, waiting, running, isMore, oldestAgeMs, done, deadLetters }) => ({
      topic: queue,
      group: '',
      partition: 0,
      unread: waiting + running,
      isMore,
      oldestAgeMs,
      done,
      owner: undefined,
      deadLetters,
    })),
  }
}
