import type { Channel } from 'amqplib'
import type { RabbitConnection } from '../../../backends/rabbitmq/rabbit-connection.ts'
import { connectRabbit, failureOf } from '../../../backends/rabbitmq/rabbit-connection.ts'
import type { RabbitMessage, RabbitPublisher } from '../../../backends/rabbitmq/rabbit-publisher.ts'
import { createRabbitPublisher } from '../../../backends/rabbitmq/rabbit-publisher.ts'
import type { Clock } from '../../../core/clock.ts'
import { systemClock } from '../../../core/clock.ts'
import { didYouMean } from '../../../core/did-you-mean.ts'
import type { Duration } from '../../../core/duration.ts'
import { parseDuration } from '../../../core/duration.ts'
import { TenfoldError } from '../../../core/errors.ts'
import type { DeadItems } from '../../dead-items.ts'
import type {
  Cancellation,
  Enqueued,
  NewItem,
  NotBefore,
  QueueCapabilities,
  QueueEngine,
  QueueWorker,
  StoredItem,
} from '../../queue-engine.ts'
import { createDeadItemQueue } from './dead-item-queue.ts'
import { declareDelays, delayedRoute } from './delays.ts'
import type { Tries } from './item-message.ts'
import { messageOfItem } from './item-message.ts'
import { declareQueue, queueNames } from './layout.ts'
import { createRabbitWorker } from './rabbit-worker.ts'
import type { WakeNotes } from './wake-notes.ts'
import { createWakeNotes, writeWakeNote } from './wake-notes.ts'

/** @see createRabbitQueues */
export interface RabbitQueuesOptions {
  /** Names of the queues. */
  readonly queues?: readonly string[]
  /** How long a worker, or the broker, may be silent until it is taken for dead. At least `'3s'`. @default '10s' */
  readonly lease?: Duration
  /** How long the broker may take to confirm what is put in. @default '15s' */
  readonly confirm?: Duration
  readonly clock?: Clock
}

/** Queues in RabbitMQ. */
export interface RabbitQueues extends QueueEngine {
  /** Adds a queue, and makes in the broker what is missing. */
  ensureQueue(name: string): Promise<void>
  /** Ends the connection for putting in; workers have left before. Safe to call twice. */
  end(): Promise<void>
}

export const RABBIT_QUEUE_CAPABILITIES: QueueCapabilities = {
  enqueuesInTransaction: false,
  completesInTransaction: false,
  deduplicates: false,
  cancels: false,
  limitsConcurrency: false,
  limitsKeys: false,
  reportsProgress: false,
}

/**
 * Queues in RabbitMQ (3.10 or later). If putting several items in fails, some may be in.
 *
 * @throws TF_OPTION_INVALID
 *
 * @example
 * const queues = createRabbitQueues('amqp://127.0.0.1', { queues: ['emails'] })
 * await queues.enqueue('emails', [{ itemId: uniqueId(), priority: 'normal', payload: '{"to":"a@example.com"}' }])
 */
export function createRabbitQueues(url: string, options: RabbitQueuesOptions = {}): RabbitQueues {
  return new Queues(url, options)
}

class Queues implements RabbitQueues {
  readonly capabilities = RABBIT_QUEUE_CAPABILITIES
  readonly #clock: Clock
  readonly #queues: Set<string>
  readonly #dead = new Map<string, DeadItems>()
  readonly #callbacks = new Map<string, Set<() => void>>()
  readonly #connect: (name: string) => Promise<RabbitConnection>
  readonly #publisher: RabbitPublisher
  readonly #notes: WakeNotes
  /** What was made over a connection: the broker may have lost all before the next one. */
  readonly #made = new WeakMap<RabbitConnection, Map<string, Promise<void>>>()
  #notesChannel: Promise<Channel> | undefined

  constructor(url: string, { clock = systemClock, queues = [], lease = '10s', confirm = '15s' }: RabbitQueuesOptions) {
    this.#clock = clock
    this.#queues = new Set(queues)
    const silenceMs = parseDuration(lease)
    if (silenceMs < 3_000) throw new TenfoldError('TF_OPTION_INVALID', `expected lease to be 3s at least, got ${lease}`)
    this.#connect = (name) => connectRabbit({ url, clock, silenceMs, name })
    this.#publisher = createRabbitPublisher({
      url,
      clock,
      silenceMs,
      name: 'tenfold queues',
      confirmMs: parseDuration(confirm),
    })
    this.#notes = createWakeNotes({ clock, send: (queue, afterMs) => this.#sendNote(queue, afterMs) })
  }

  async ensureQueue(name: string): Promise<void> {
    this.#queues.add(name)
    await this.#ready(name)
  }

  async enqueue(
    name: string,
    items: readonly NewItem[],
    { transaction }: { transaction?: unknown } = {},
  ): Promise<readonly Enqueued[]> {
    this.#require(name)
    if (transaction !== undefined)
      throw unsupported('take part in a transaction', 'put the item in when the transaction has committed')
    if (items.some(({ deduplicate }) => deduplicate !== undefined))
      throw unsupported('know an item by a key', 'leave deduplicate out, or keep the queue on PostgreSQL')
    await this.#ready(name)
    const nowEpochMs = this.#clock.epochMs()
    const delays = items.map(({ notBefore }) => delayOf(notBefore, nowEpochMs))
    const messages = items.map(({ itemId, payload, priority, key, headers = {} }, at) => {
      const dueEpochMs = nowEpochMs + (delays[at] ?? 0)
      const item = { itemId, payload, priority, key, headers, enqueuedEpochMs: nowEpochMs, dueEpochMs }
      return this.#messageOf(name, item, delays[at] ?? 0, {})
    })
    await this.#publisher.publish(await Promise.all(messages))
    for (const delayMs of delays) this.#notes.say(name, delayMs)
    return items.map(({ itemId }) => ({ itemId, isDuplicate: false }))
  }

  async join(name: string): Promise<QueueWorker> {
    this.#require(name)
    const names = queueNames(name)
    return createRabbitWorker({
      names,
      clock: this.#clock,
      publisher: this.#publisher,
      connect: () => this.#connect(`tenfold worker of ${name}`),
      prepare: (channel) => declareQueue(channel, names),
      delayed: (item, afterMs, tries) => this.#messageOf(name, item, afterMs, tries),
      onWake: (afterMs) => this.#wake(name, afterMs),
      tell: (afterMs) => this.#notes.say(name, afterMs),
    })
  }

  isIn(): boolean {
    return false
  }

  async cancel(name: string): Promise<Cancellation> {
    this.#require(name)
    throw unsupported(
      'find an item among those that wait',
      'let the handler see that it is not wanted any more, or keep the queue on PostgreSQL',
    )
  }

  async deadItems(name: string): Promise<DeadItems> {
    this.#require(name)
    await this.#ready(name)
    const dead =
      this.#dead.get(name) ??
      createDeadItemQueue({
        publisher: this.#publisher,
        names: queueNames(name),
        clock: this.#clock,
        onRedriven: () => this.#notes.say(name, 0),
      })
    this.#dead.set(name, dead)
    return dead
  }

  onWake(name: string, callback: () => void): () => void {
    const callbacks = this.#callbacks.get(name) ?? new Set()
    this.#callbacks.set(name, callbacks)
    callbacks.add(callback)
    return () => void callbacks.delete(callback)
  }

  async end(): Promise<void> {
    this.#notes.end()
    await this.#publisher.end()
  }

  #wake(name: string, afterMs: number): void {
    const call = (): void => {
      for (const callback of this.#callbacks.get(name) ?? []) callback()
    }
    if (afterMs === 0) call()
    else this.#clock.schedule(afterMs, call, { unref: true })
  }

  async #messageOf(name: string, item: StoredItem, delayMs: number, tries: Tries): Promise<RabbitMessage> {
    const names = queueNames(name)
    if (delayMs <= 0) return messageOfItem(item, { exchange: '', routingKey: names.items(item.priority) }, tries)
    const { level, ...route } = delayedRoute(delayMs, names.destination(item.priority))
    await this.#make(`delays ${level}`, (channel) => declareDelays(channel, level))
    return messageOfItem(item, route, tries)
  }

  async #sendNote(name: string, afterMs: readonly number[]): Promise<void> {
    const connection = await this.#publisher.connection()
    this.#notesChannel ??= this.#openNotes(connection)
    const channel = await this.#notesChannel
    channel.publish(queueNames(name).wake, '', writeWakeNote(afterMs))
  }

  async #openNotes(connection: RabbitConnection): Promise<Channel> {
    try {
      const channel = await connection.channel()
      channel.on('close', () => void (this.#notesChannel = undefined))
      return channel
    } catch (error) {
      this.#notesChannel = undefined
      throw error
    }
  }

  #require(name: string): void {
    if (this.#queues.has(name)) return
    const suggestion = didYouMean(name, [...this.#queues])
    throw new TenfoldError(
      'TF_QUEUE_UNKNOWN',
      `expected ${name} to be a queue${suggestion === undefined ? '' : `: did you mean ${suggestion}?`}`,
      { hint: 'add the queue to the blueprint, and start the system with it', details: { queue: name } },
    )
  }

  #ready(name: string): Promise<void> {
    return this.#make(`queue ${name}`, (channel) => declareQueue(channel, queueNames(name)))
  }

  /** Makes something once for each connection. */
  async #make(what: string, work: (channel: Channel) => Promise<void>): Promise<void> {
    const connection = await this.#publisher.connection()
    const made = this.#made.get(connection) ?? new Map<string, Promise<void>>()
    this.#made.set(connection, made)
    const making = made.get(what) ?? makeOver(connection, work)
    made.set(what, making)
    try {
      await making
    } catch (error) {
      made.delete(what)
      throw error
    }
  }
}

async function makeOver(connection: RabbitConnection, work: (channel: Channel) => Promise<void>): Promise<void> {
  try {
    const channel = await connection.channel()
    await work(channel)
    await channel.close()
  } catch (error) {
    throw failureOf(error, 'expected RabbitMQ to make queues')
  }
}

function delayOf(notBefore: NotBefore | undefined, nowEpochMs: number): number {
  if (notBefore === undefined) return 0
  return Math.max(0, 'delayMs' in notBefore ? notBefore.delayMs : notBefore.epochMs - nowEpochMs)
}

function unsupported(what: string, hint: string): TenfoldError {
  return new TenfoldError('TF_QUEUE_UNSUPPORTED', `expected a queue on RabbitMQ to ${what}, which it can not`, { hint })
}
