import type { Channel } from 'amqplib'
import type { RabbitConnection } from '../../../backends/rabbitmq/rabbit-connection.ts'
import { connectRabbit, failureOf } from '../../../backends/rabbitmq/rabbit-connection.ts'
import type { Clock } from '../../../core/clock.ts'
import { systemClock } from '../../../core/clock.ts'
import { PRIORITIES } from '../../queue-engine.ts'
import type { QueueLagReader } from '../../queue-lag.ts'
import type { QueueNames } from './layout.ts'
import { declareQueue, queueNames } from './layout.ts'
import type { WorkerNotes } from './worker-notes.ts'
import { createWorkerNotes, readWorkerNote } from './worker-notes.ts'

/** A reader of lags that has a connection. */
export interface RabbitQueueLagReader extends QueueLagReader {
  /** Safe to call twice. */
  end(): Promise<void>
}

/** @see createRabbitQueueLagReader */
export interface RabbitQueueLagOptions {
  readonly queues: readonly string[]
  readonly clock?: Clock
}

const SILENCE_MS = 10_000

/**
 * Reads how queues on RabbitMQ are: the broker is asked what waits, and workers tell about once a second what they have.
 * What is not known: how many items are delayed, which is always 0, since those of all queues wait together; and how long
 * the oldest has been due, which counts from when the reader first saw that something waits.
 *
 * @example
 * const lag = createRabbitQueueLagReader('amqp://127.0.0.1', { queues: ['emails'] })
 * queueLagBetween(undefined, await lag.read()) // every queue
 */
export function createRabbitQueueLagReader(
  url: string,
  { queues, clock = systemClock }: RabbitQueueLagOptions,
): RabbitQueueLagReader {
  const watched = queues.map((queue): WatchedQueue => {
    return { queue, names: queueNames(queue), notes: createWorkerNotes(clock), waitsSinceMs: undefined }
  })
  let opening: Promise<Line> | undefined

  async function line(): Promise<Line> {
    opening ??= openLine(await connectRabbit({ url, clock, silenceMs: SILENCE_MS, name: 'tenfold lag' }), watched)
    try {
      const opened = await opening
      opened.connection.closed.throwIfAborted()
      return opened
    } catch (error) {
      opening = undefined
      throw failureOf(error, 'expected RabbitMQ to tell what waits')
    }
  }

  return {
    async read() {
      const { channel } = await line()
      const readings = []
      for (const each of watched) {
        let waiting = 0
        for (const priority of PRIORITIES) {
          waiting += (await channel.checkQueue(each.names.items(priority))).messageCount
        }
        const { messageCount: deadLetters } = await channel.checkQueue(each.names.dead)
        each.waitsSinceMs = waiting === 0 ? undefined : (each.waitsSinceMs ?? clock.nowMs())
        readings.push({
          queue: each.queue,
          waiting,
          isMore: false,
          oldestAgeMs: each.waitsSinceMs === undefined ? undefined : clock.nowMs() - each.waitsSinceMs,
          delayed: 0,
          deadLetters,
          ...each.notes.sum(),
        })
      }
      return { atMs: clock.nowMs(), queues: readings }
    },
    async end() {
      const opened = await opening?.catch(() => undefined)
      await opened?.connection.end()
    },
  }
}

interface Line {
  readonly connection: RabbitConnection
  readonly channel: Channel
}

interface WatchedQueue {
  readonly queue: string
  readonly names: QueueNames
  readonly notes: WorkerNotes
  /** Since when something waits. */
  waitsSinceMs: number | undefined
}

async function openLine(connection: RabbitConnection, watched: readonly WatchedQueue[]): Promise<Line> {
  try {
    const channel = await connection.channel()
    const { queue } = await channel.assertQueue('', { exclusive: true, durable: false })
    for (const { names } of watched) {
      await declareQueue(channel, names)
      await channel.bindQueue(queue, names.workers, '')
    }
    const byExchange = new Map(watched.map(({ names, notes }) => [names.workers, notes]))
    await channel.consume(
      queue,
      (message) => {
        const note = readWorkerNote(message?.content)
        if (note !== undefined) byExchange.get(message?.fields.exchange ?? '')?.hear(note)
      },
      { noAck: true },
    )
    return { connection, channel }
  } catch (error) {
    await connection.end()
    throw error
  }
}
