import type { Channel } from 'amqplib'
import type { RabbitConnection } from '../../../backends/rabbitmq/rabbit-connection.ts'
import { connectRabbit, failureOf } from '../../../backends/rabbitmq/rabbit-connection.ts'
import type { Clock } from '../../../core/clock.ts'
import { systemClock } from '../../../core/clock.ts'
import type { LagReader, LagReading } from '../../lag.ts'
import type { ClaimNotes } from './claim-notes.ts'
import { createClaimNotes } from './claim-notes.ts'
import { declareGroup, declareTopic } from './layout.ts'
import { readNote } from './member-notes.ts'
import type { GroupNames } from './names.ts'
import { groupNames } from './names.ts'
import type { RabbitTopic } from './rabbit-log.ts'

/** A reader of lags that has a connection. */
export interface RabbitLagReader extends LagReader {
  /** Safe to call twice. */
  end(): Promise<void>
}

/** @see createRabbitLagReader */
export interface RabbitLagOptions {
  /** With the groups whose lags are wanted. */
  readonly topics: Readonly<Record<string, RabbitTopic>>
  readonly clock?: Clock
}

const SILENCE_MS = 10_000
/** A channel answers one question after the other. */
const CHANNELS = 4

/**
 * Reads lags of topics on RabbitMQ: the broker is asked what waits, and members tell about once a second what they have.
 * Three things are less exact than on PostgreSQL. What a member has is up to a second old. Where nobody has a partition, the
 * age of its oldest event counts from when the reader first saw that something waits. Dead letters are kept for the group,
 * not for partitions: they are all with partition 0.
 *
 * @example
 * const lag = createRabbitLagReader('amqp://127.0.0.1', { topics: { orders: { partitions: 4, groups: ['mailer'] } } })
 * lagBetween(undefined, await lag.read()) // every group, with its partitions
 */
export function createRabbitLagReader(url: string, { topics, clock = systemClock }: RabbitLagOptions): RabbitLagReader {
  const groups = Object.entries(topics).flatMap(([topic, { partitions, groups: names = [] }]) =>
    names.map((group) => ({ names: groupNames(topic, group), partitions, notes: createClaimNotes(clock) })),
  )
  const published = new Map<string, bigint>()
  let opening: Promise<Line> | undefined

  async function line(): Promise<Line> {
    opening ??= openLine(await connectRabbit({ url, clock, silenceMs: SILENCE_MS, name: 'tenfold lag' }), groups)
    try {
      const opened = await opening
      if (!opened.connection.closed.aborted) return opened
      throw opened.connection.closed.reason
    } catch (error) {
      opening = undefined
      throw failureOf(error, 'expected RabbitMQ to tell what waits')
    }
  }

  return {
    async read(): Promise<LagReading> {
      const { channels } = await line()
      const places = groups.flatMap((group) =>
        Array.from({ length: group.partitions }, (_, partition) => ({ ...group, partition })),
      )
      const waiting = await askAll(channels, places, ({ names, partition }) => names.queue(partition))
      const dead = await askAll(channels, groups, ({ names }) => names.dead)
      const partitions = places.map(({ names, notes, partition }, at) => ({
        topic: names.topic,
        group: names.group,
        partition,
        ...notes.readingOf(partition, waiting[at] ?? 0),
        isMore: false,
        deadLetters: partition === 0 ? (dead[groups.findIndex((group) => group.names === names)] ?? 0) : 0,
      }))
      const read = Object.entries(topics).map(([topic, { partitions: count, groups: names = [] }]) => {
        // What any group has done or has before it was published; each has begun at another time.
        const sums = names.map((group) =>
          partitions
            .filter((reading) => reading.topic === topic && reading.group === group)
            .reduce((sum, { done, unread }) => sum + done + BigInt(unread), 0n),
        )
        const most = [published.get(topic) ?? 0n, ...sums].reduce((a, b) => (a > b ? a : b))
        published.set(topic, most)
        return { topic, partitions: count, published: most }
      })
      return { atMs: clock.nowMs(), topics: read, partitions }
    },
    async end() {
      const opened = await opening?.catch(() => undefined)
      await opened?.connection.end()
    },
  }
}

interface Line {
  readonly connection: RabbitConnection
  readonly channels: readonly Channel[]
}

interface WatchedGroup {
  readonly names: GroupNames
  readonly partitions: number
  readonly notes: ClaimNotes
}

async function openLine(connection: RabbitConnection, groups: readonly WatchedGroup[]): Promise<Line> {
  try {
    const channel = await connection.channel()
    const byExchange = new Map(groups.map((group) => [group.names.members, group.notes]))
    const { queue } = await channel.assertQueue('', { exclusive: true, durable: false })
    for (const { names, partitions } of groups) {
      await declareTopic(channel, names.topic, partitions)
      await declareGroup(channel, names, partitions)
      await channel.bindQueue(queue, names.members, '')
    }
    await channel.consume(
      queue,
      (message) => {
        const note = readNote(message?.content)
        if (note !== undefined) byExchange.get(message?.fields.exchange ?? '')?.hear(note)
      },
      { noAck: true },
    )
    const more = Array.from({ length: CHANNELS }, () => connection.channel())
    return { connection, channels: await Promise.all(more) }
  } catch (error) {
    await connection.end()
    throw error
  }
}

/** How many messages wait in each queue. */
async function askAll<Place>(
  channels: readonly Channel[],
  places: readonly Place[],
  queueOf: (place: Place) => string,
): Promise<readonly number[]> {
  const counts: number[] = []
  const rest = places.entries()
  await Promise.all(
    channels.map(async (channel) => {
      for (const [at, place] of rest) counts[at] = (await channel.checkQueue(queueOf(place))).messageCount
    }),
  )
  return counts
}
