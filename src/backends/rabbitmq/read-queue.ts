import type { Channel, GetMessage } from 'amqplib'
import type { Clock } from '../../core/clock.ts'
import { sleep } from '../../core/clock.ts'
import type { RabbitConnection } from './rabbit-connection.ts'
import { failureOf, isLocked } from './rabbit-connection.ts'

/** Messages of a queue that are held while somebody goes through them. */
export interface QueueReading {
  /** The next one, the oldest first; undefined: there are no more. */
  next(): Promise<GetMessage | undefined>
  /** All others stay, in their order. */
  remove(message: GetMessage): void
}

/** @see readQueue */
export interface ReadQueueOptions {
  readonly connection: RabbitConnection
  /** A queue that nobody consumes from. */
  readonly queue: string
  readonly clock: Clock
}

/** What one holds, another would not see, so one reads at a time: others try again so often. */
const TRIES = 100
const PAUSE_MS = 50
/** What was held is there again so soon; then it is not waited for any longer. */
const RETURN_MS = 2_000
const RETURN_PAUSE_MS = 5

/**
 * Goes through a queue that keeps messages for people, such as dead letters. What is added meanwhile is left for the next.
 *
 * @throws TF_BROKER_UNREACHABLE also if somebody else has been reading for long
 */
export async function readQueue<Result>(
  { connection, queue, clock }: ReadQueueOptions,
  work: (reading: QueueReading) => Promise<Result>,
): Promise<Result> {
  const lock = `${queue}/reader`
  await takeLock(connection, lock, clock)
  const channel = await connection.channel()
  try {
    const { messageCount } = await channel.checkQueue(queue)
    let [read, kept] = [0, messageCount]
    try {
      return await work({
        async next() {
          const message = read++ < messageCount && (await channel.get(queue))
          return message === false ? undefined : message
        },
        remove(message) {
          channel.ack(message)
          kept--
        },
      })
    } finally {
      channel.nackAll(true)
      await returned(channel, queue, kept, clock)
    }
  } finally {
    // It may have been closed by an error.
    await channel.close().catch(() => undefined)
    if (!connection.closed.aborted) await releaseLock(connection, lock)
  }
}

/** A queue that is there for one connection only. */
async function takeLock(connection: RabbitConnection, lock: string, clock: Clock): Promise<void> {
  for (let tries = 1; ; tries++) {
    const channel = await connection.channel()
    try {
      await channel.assertQueue(lock, { exclusive: true, durable: false })
      await channel.close()
      return
    } catch (error) {
      if (!isLocked(error) || tries >= TRIES) throw failureOf(error, `expected to read the messages of ${lock}`)
      await sleep(clock, PAUSE_MS)
    }
  }
}

async function releaseLock(connection: RabbitConnection, lock: string): Promise<void> {
  const channel = await connection.channel()
  await channel.deleteQueue(lock)
  await channel.close()
}

/** What was held comes back a little later, and the next reader shall find it. */
async function returned(channel: Channel, queue: string, count: number, clock: Clock): Promise<void> {
  const untilMs = clock.nowMs() + RETURN_MS
  while ((await channel.checkQueue(queue)).messageCount < count && clock.nowMs() < untilMs) {
    await sleep(clock, RETURN_PAUSE_MS)
  }
}
