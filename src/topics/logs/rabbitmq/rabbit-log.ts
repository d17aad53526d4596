import assert from 'node:assert/strict'
import type { Channel } from 'amqplib'
import type { RabbitConnection } from '../../../backends/rabbitmq/rabbit-connection.ts'
import { connectRabbit, failureOf } from '../../../backends/rabbitmq/rabbit-connection.ts'
import { createRabbitPublisher } from '../../../backends/rabbitmq/rabbit-publisher.ts'
import type { Clock } from '../../../core/clock.ts'
import { systemClock } from '../../../core/clock.ts'
import { didYouMean } from '../../../core/did-you-mean.ts'
import type { Duration } from '../../../core/duration.ts'
import { parseDuration } from '../../../core/duration.ts'
import { hasCode, TenfoldError } from '../../../core/errors.ts'
import { partitionOf } from '../../../core/key-hash.ts'
import type { Random } from '../../../core/random.ts'
import { freshSeed, seededRandom } from '../../../core/random.ts'
import type { DeadLetters } from '../../dead-letters.ts'
import type { LogCapabilities, TopicLog } from '../../topic-log.ts'
import { createDeadLetterQueue } from './dead-letter-queue.ts'
import { messageOfNew } from './event-message.ts'
import { declareGroup, declareTopic } from './layout.ts'
import { createMembership } from './membership.ts'
import { groupNames, topicNames } from './names.ts'

/** A topic as the blueprint has it. */
export interface RabbitTopic {
  readonly partitions: number
  /**
   * Groups that get what is published from the beginning, also before their first member comes. Others begin when they
   * first join: what was published before is not kept for them.
   *
   * @default none
   */
  readonly groups?: readonly string[] | undefined
}

/** @see createRabbitLog */
export interface RabbitLogOptions {
  readonly topics?: Readonly<Record<string, RabbitTopic>>
  /** How long a member, or the broker, may be silent until it is taken for dead. At least `'3s'`. @default '10s' */
  readonly lease?: Duration
  /** How long the broker may take to confirm what is published. @default '15s' */
  readonly confirm?: Duration
  /** Events that a member has of each partition and are not finished, at most. 1 to 2000. @default 500 */
  readonly prefetch?: number
  readonly clock?: Clock
  readonly random?: Random
}

/** A log in RabbitMQ. */
export interface RabbitLog extends TopicLog {
  /**
   * Adds a topic, or groups to it, and makes in the broker what is missing.
   *
   * @throws TF_TOPIC_CHANGED it exists with another number of partitions
   */
  ensureTopic(name: string, topic: RabbitTopic): Promise<void>
  /**
   * From now on these groups get what is published. The queues of others stay as they are, and are not made again.
   *
   * @throws TF_TOPIC_UNKNOWN
   */
  setGroups(name: string, groups: readonly string[]): void
  /** Ends the connection for publishing; members have left before. Safe to call twice. */
  end(): Promise<void>
}

export const RABBIT_CAPABILITIES: LogCapabilities = {
  canReplay: false,
  keepsOrderPerKey: true,
  blocksKeys: false,
  publishesInTransaction: false,
  commitsInTransaction: false,
}

/** Events of one publish. */
const PUBLISH_MAX = 10_000
const BEATS = 8
const BEAT_MS_MAX = 1_000

/**
 * A log whose topics are exchanges and quorum queues of RabbitMQ (3.10 or later). What a group has done is gone: no group
 * goes back, and one that is new has what is published after it was made.
 *
 * @throws TF_OPTION_INVALID
 *
 * @example
 * const log = createRabbitLog('amqp://127.0.0.1', { topics: { orders: { partitions: 4, groups: ['mailer'] } } })
 * await log.publish('orders', [{ messageId: uniqueId(), key: 'user-7', payload: '{"cents":5}' }])
 */
export function createRabbitLog(url: string, options: RabbitLogOptions = {}): RabbitLog {
  return new Log(url, options)
}

class Log implements RabbitLog {
  readonly capabilities = RABBIT_CAPABILITIES
  readonly #clock: Clock
  readonly #random: Random
  readonly #leaseMs: number
  readonly #prefetch: number
  readonly #topics = new Map<string, { readonly partitions: number; readonly groups: Set<string> }>()
  readonly #letters = new Map<string, DeadLetters>()
  readonly #wakeUps = new Map<string, Set<(partition: number | undefined) => void>>()
  readonly #connect: (name: string) => Promise<RabbitConnection>
  readonly #publisher: ReturnType<typeof createRabbitPublisher>
  /** What was made over a connection: the broker may have lost all before the next one. */
  readonly #made = new WeakMap<RabbitConnection, Map<string, Promise<void>>>()

  constructor(url: string, options: RabbitLogOptions) {
    const { clock = systemClock, random = seededRandom(freshSeed()), prefetch = 500 } = options
    this.#clock = clock
    this.#random = random
    this.#prefetch = prefetch
    this.#leaseMs = parseDuration(options.lease ?? '10s')
    if (this.#leaseMs < 3_000) throw invalid(`lease to be 3s at least, got ${options.lease}`)
    if (!Number.isInteger(prefetch) || prefetch < 1 || prefetch > 2_000)
      throw invalid(`prefetch to be a whole number from 1 to 2000, got ${prefetch}`)
    const connection = { url, clock, silenceMs: this.#leaseMs }
    this.#connect = (name) => connectRabbit({ ...connection, name })
    const confirmMs = parseDuration(options.confirm ?? '15s')
    this.#publisher = createRabbitPublisher({ ...connection, name: 'tenfold publisher', confirmMs })
    for (const [name, topic] of Object.entries(options.topics ?? {})) this.#add(name, topic)
  }

  async ensureTopic(name: string, topic: RabbitTopic): Promise<void> {
    this.#add(name, topic)
    await this.#ready(name)
  }

  setGroups(name: string, groups: readonly string[]): void {
    const { partitions } = this.#find(name)
    this.#topics.set(name, { partitions, groups: new Set(groups) })
  }

  async publish(
    name: string,
    events: Parameters<TopicLog['publish']>[1],
    options: Parameters<TopicLog['publish']>[2] = {},
  ): Promise<void> {
    const { partitions } = this.#find(name)
    if (options.transaction !== undefined)
      throw unsupported('publish in a transaction', 'publish to an outbox, whose relay publishes here')
    assert(events.length <= PUBLISH_MAX, `expected at most ${PUBLISH_MAX} events at once, got ${events.length}`)
    if (events.length === 0) return
    await this.#ready(name)
    const { exchange } = topicNames(name)
    const epochMs = this.#clock.epochMs()
    // All events without a key in one partition: they stay together, and the next publish goes elsewhere.
    const anywhere = this.#random.integer(partitions)
    await this.#publisher.publish(
      events.map((event) => {
        const partition = event.key === undefined ? anywhere : partitionOf(event.key, partitions)
        return messageOfNew(event, { exchange, partition, epochMs })
      }),
    )
  }

  async join({ topic, group, run }: Parameters<TopicLog['join']>[0]): ReturnType<TopicLog['join']> {
    const { partitions } = this.#find(topic)
    const names = groupNames(topic, group)
    return createMembership({
      names,
      partitions,
      clock: this.#clock,
      connect: () => this.#connect(`tenfold ${group} of ${topic}`),
      async prepare(channel) {
        await declareTopic(channel, topic, partitions)
        await declareGroup(channel, names, partitions)
      },
      prefetch: this.#prefetch,
      beatMs: Math.min(BEAT_MS_MAX, this.#leaseMs / BEATS),
      run,
      onArrival: (partition) => {
        for (const wake of this.#wakeUps.get(topic) ?? []) wake(partition)
      },
    })
  }

  isIn(): boolean {
    return false
  }

  async moveGroup(topic: string): Promise<void> {
    this.#find(topic)
    throw unsupported('go back, or forward', 'keep the topic on PostgreSQL or Kafka if its events are to be read again')
  }

  async deadLetters(topic: string, group: string): Promise<DeadLetters> {
    this.#find(topic).groups.add(group)
    await this.#ready(topic)
    const names = groupNames(topic, group)
    const letters =
      this.#letters.get(names.dead) ?? createDeadLetterQueue({ publisher: this.#publisher, names, clock: this.#clock })
    this.#letters.set(names.dead, letters)
    return letters
  }

  onWake(topic: string, callback: (partition: number | undefined) => void): () => void {
    const callbacks = this.#wakeUps.get(topic) ?? new Set()
    this.#wakeUps.set(topic, callbacks)
    callbacks.add(callback)
    return () => void callbacks.delete(callback)
  }

  end(): Promise<void> {
    return this.#publisher.end()
  }

  #add(name: string, { partitions, groups = [] }: RabbitTopic): void {
    if (!Number.isInteger(partitions) || partitions < 1 || partitions > 1_024) {
      throw invalid(`partitions of ${name} to be a whole number from 1 to 1024, got ${partitions}`)
    }
    const known = this.#topics.get(name)?.groups ?? []
    this.#topics.set(name, { partitions, groups: new Set([...known, ...groups]) })
  }

  #find(name: string): { readonly partitions: number; readonly groups: Set<string> } {
    const topic = this.#topics.get(name)
    if (topic !== undefined) return topic
    const suggestion = didYouMean(name, [...this.#topics.keys()])
    throw new TenfoldError(
      'TF_TOPIC_UNKNOWN',
      `expected ${name} to be a topic of this log${suggestion === undefined ? '' : `: did you mean ${suggestion}?`}`,
      { hint: 'add the topic to the blueprint, and start the system with it', details: { topic: name } },
    )
  }

  /** Makes the topic and its groups, once for each connection. */
  async #ready(name: string): Promise<void> {
    const connection = await this.#publisher.connection()
    const made = this.#made.get(connection) ?? new Map<string, Promise<void>>()
    this.#made.set(connection, made)
    const { partitions, groups } = this.#find(name)
    const key = [name, partitions, ...[...groups].toSorted()].join('\n')
    const making = made.get(key) ?? make(connection, (channel) => declareAll(channel, name, partitions, groups))
    made.set(key, making)
    try {
      await making
    } catch (error) {
      made.delete(key)
      throw error
    }
  }
}

async function declareAll(channel: Channel, name: string, partitions: number, groups: Iterable<string>): Promise<void> {
  await declareTopic(channel, name, partitions)
  for (const group of groups) await declareGroup(channel, groupNames(name, group), partitions)
}

async function make(connection: RabbitConnection, work: (channel: Channel) => Promise<void>): Promise<void> {
  const channel = await connection.channel()
  try {
    await work(channel)
    await channel.close()
  } catch (error) {
    throw hasCode(error, 'TF_TOPIC_CHANGED') ? error : failureOf(error, 'expected RabbitMQ to make queues')
  }
}

function invalid(what: string): TenfoldError {
  return new TenfoldError('TF_OPTION_INVALID', `expected ${what}`)
}

function unsupported(what: string, hint: string): TenfoldError {
  return new TenfoldError('TF_TOPIC_UNSUPPORTED', `expected a topic on RabbitMQ to ${what}, which it can not`, { hint })
}
