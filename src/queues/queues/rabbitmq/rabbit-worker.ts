import type { Channel, GetMessage } from 'amqplib'
import type { RabbitConnection } from '../../../backends/rabbitmq/rabbit-connection.ts'
import { failureOf } from '../../../backends/rabbitmq/rabbit-connection.ts'
import type { RabbitMessage, RabbitPublisher } from '../../../backends/rabbitmq/rabbit-publisher.ts'
import type { Clock } from '../../../core/clock.ts'
import { TenfoldError } from '../../../core/errors.ts'
import { uniqueId } from '../../../core/random.ts'
import type { ClaimedItem, QueueWorker, StoredItem } from '../../queue-engine.ts'
import { PRIORITIES } from '../../queue-engine.ts'
import type { Tries } from './item-message.ts'
import { burial, itemOf, messageOfItem, triesOf } from './item-message.ts'
import type { QueueNames } from './layout.ts'
import { readWakeNote } from './wake-notes.ts'
import type { WorkerNote } from './worker-notes.ts'
import { writeWorkerNote } from './worker-notes.ts'

/** @see createRabbitWorker */
export interface RabbitWorkerOptions {
  readonly names: QueueNames
  readonly clock: Clock
  readonly publisher: RabbitPublisher
  /** Of its own: what is claimed is free for others when it ends. */
  readonly connect: () => Promise<RabbitConnection>
  /** Makes what the queue needs, again if the broker has lost it. */
  readonly prepare: (channel: Channel) => Promise<void>
  /** The message of an item that begins later, and what tells the others. */
  readonly delayed: (item: StoredItem, afterMs: number, tries: Tries) => Promise<RabbitMessage>
  /** Items may begin so much later. */
  onWake(afterMs: number): void
  /** Others may find something. */
  tell(afterMs: number): void
}

/** A channel answers one question after the other, so that several ask. */
const CHANNELS = 16
const CLAIM_MAX = 1_000
/** Between two notes of what it has. */
const NOTE_MS = 1_000

/** Rejects if the broker can't be reached now; later each claim tries. */
export async function createRabbitWorker(options: RabbitWorkerOptions): Promise<QueueWorker> {
  const worker = new Worker(options)
  await worker.connect()
  return worker
}

/** One channel, and what was claimed on it; when it closes, others may have that. */
interface Asker {
  readonly channel: Channel
  readonly lost: AbortController
}

interface Held {
  readonly asker: Asker
  readonly message: GetMessage
}

/**
 * Items are fetched, not pushed: what was pushed ahead would begin before what is more urgent and came later. A claim is a
 * message that is not acknowledged yet. Acknowledgements are not answered, so a question behind them is: it tells that
 * the broker has them, or that this worker was given up, and what it had is somebody else's.
 */
class Worker implements QueueWorker {
  readonly #options: RabbitWorkerOptions
  readonly #id = uniqueId()
  readonly #held = new Map<string, Held>()
  readonly #replacing = new Set<Promise<void>>()
  #connecting: Promise<readonly Asker[]> | undefined
  #connection: RabbitConnection | undefined
  #leaving: Promise<void> | undefined
  #done = 0
  #say: (note: WorkerNote) => void = () => {}

  constructor(options: RabbitWorkerOptions) {
    this.#options = options
  }

  connect(): Promise<readonly Asker[]> {
    this.#connecting ??= this.#open().catch((error: unknown) => {
      this.#connecting = undefined
      throw error
    })
    return this.#connecting
  }

  async claim(max: number): Promise<readonly ClaimedItem[]> {
    if (this.#leaving !== undefined) return []
    const askers = (await this.connect()).filter(({ lost }) => !lost.signal.aborted)
    const [first] = askers
    if (first === undefined) throw failureOf('its channels were closed', 'expected RabbitMQ to answer')
    const { names } = this.#options
    const counts = await Promise.all(
      PRIORITIES.map(async (priority, at) => {
        const { channel } = askers[at] ?? first
        return { priority, count: (await channel.checkQueue(names.items(priority))).messageCount }
      }),
    )
    const room = Math.min(max, CLAIM_MAX)
    const wanted = counts.flatMap(({ priority, count }) =>
      Array.from({ length: Math.min(count, room) }, () => names.items(priority)),
    )
    const orders = wanted.slice(0, room).entries()
    const found: { readonly at: number; readonly item: ClaimedItem }[] = []
    const outcomes = await Promise.allSettled(
      askers.map(async (asker) => {
        for (const [at, queue] of orders) {
          const message = await asker.channel.get(queue)
          if (message !== false) found.push({ at, item: this.#hold(asker, message) })
        }
      }),
    )
    const failed = outcomes.find((outcome) => outcome.status === 'rejected')
    if (failed !== undefined && found.length === 0)
      throw failureOf(failed.reason, 'expected RabbitMQ to hand out items')
    return found.toSorted((a, b) => a.at - b.at).map(({ item }) => item)
  }

  async complete(
    items: readonly ClaimedItem[],
    { transaction }: { transaction?: unknown } = {},
  ): Promise<readonly ClaimedItem[]> {
    if (transaction !== undefined)
      throw new TenfoldError('TF_QUEUE_UNSUPPORTED', 'expected no transaction: RabbitMQ takes part in none')
    const done = items.map((item) => ({ item, held: this.#release(item) }))
    for (const { held } of done) if (held !== undefined) acknowledge(held)
    const askers = [...new Set(done.map(({ held }) => held?.asker).filter((asker) => asker !== undefined))]
    const heard = new Set<Asker>()
    await Promise.all(askers.map(async (asker) => (await answers(asker)) && heard.add(asker)))
    const lost = done.filter(({ held }) => held === undefined || !heard.has(held.asker)).map(({ item }) => item)
    this.#done += items.length - lost.length
    return lost
  }

  async retry(item: ClaimedItem, { attempts, afterMs }: { attempts: number; afterMs: number }): Promise<void> {
    await this.#replace(item, ({ message }) =>
      this.#options.delayed(item, afterMs, { attempts, before: triesOf(message).before }),
    )
    this.#options.tell(afterMs)
  }

  async bury(item: ClaimedItem, failure: { cause: string; attempts: number }): Promise<void> {
    const { names, clock } = this.#options
    const route = { exchange: '', routingKey: names.dead }
    await this.#replace(item, async ({ message }) =>
      messageOfItem(item, route, burial(failure, triesOf(message).before, clock.epochMs())),
    )
  }

  async giveBack(items: readonly ClaimedItem[]): Promise<void> {
    for (const item of items) {
      const held = this.#held.get(item.claim)
      if (held !== undefined) await this.#putBack(item.claim, held)
    }
  }

  reportProgress(): void {
    // There is nowhere to keep it.
  }

  leave(): Promise<void> {
    this.#leaving ??= this.#leave()
    return this.#leaving
  }

  async #leave(): Promise<void> {
    const leaving = [...this.#held].map(([claim, held]) => this.#putBack(claim, held))
    // What is not given back is free when the connection is gone, with a try that is counted.
    await Promise.allSettled([...leaving, ...this.#replacing])
    const askers = await this.#connecting?.catch(() => undefined)
    this.#say({ id: this.#id, running: 0, done: this.#done, isGone: true })
    await Promise.all((askers ?? []).map(answers))
    await this.#connection?.end()
  }

  /** Handing it back would count as a try. */
  async #putBack(claim: string, { message }: Held): Promise<void> {
    const { names, tell } = this.#options
    const item = itemOf(message)
    const route = { exchange: '', routingKey: names.items(item.priority) }
    await this.#replace({ ...item, claim }, async () => messageOfItem(item, route, triesOf(message)))
    tell(0)
  }

  async #open(): Promise<readonly Asker[]> {
    const { connect, prepare, names } = this.#options
    const connection = await connect()
    try {
      const channel = await connection.channel()
      await prepare(channel)
      const { queue } = await channel.assertQueue('', { exclusive: true, durable: false })
      await channel.bindQueue(queue, names.wake, '')
      await channel.consume(
        queue,
        (message) => {
          for (const afterMs of message === null ? [] : readWakeNote(message.content)) this.#options.onWake(afterMs)
        },
        { noAck: true },
      )
      const askers = await Promise.all(
        Array.from({ length: CHANNELS }, async () => openAsker(await connection.channel())),
      )
      this.#say = (note) => {
        if (!connection.closed.aborted) channel.publish(names.workers, '', writeWorkerNote(note))
      }
      const tell = (): void => this.#say({ id: this.#id, running: this.#held.size, done: this.#done })
      const stopTelling = this.#options.clock.every(NOTE_MS, tell, { unref: true })
      const closed = (): void => {
        this.#connecting = undefined
        stopTelling()
      }
      connection.closed.addEventListener('abort', closed, { once: true })
      if (connection.closed.aborted) closed()
      connection.closed.throwIfAborted()
      tell()
      this.#connection = connection
      return askers
    } catch (error) {
      await connection.end()
      throw failureOf(error, 'expected RabbitMQ to let a worker join')
    }
  }

  #hold(asker: Asker, message: GetMessage): ClaimedItem {
    const claim = uniqueId()
    this.#held.set(claim, { asker, message })
    return { ...itemOf(message), claim, attempt: triesOf(message).attempts + 1, signal: asker.lost.signal }
  }

  #release({ claim }: ClaimedItem): Held | undefined {
    const held = this.#held.get(claim)
    this.#held.delete(claim)
    return held === undefined || held.asker.lost.signal.aborted ? undefined : held
  }

  /** Puts another message in the place of an item's. Who dies between the two leaves both; the inbox knows the item. */
  #replace(item: StoredItem & Pick<ClaimedItem, 'claim'>, by: (held: Held) => Promise<RabbitMessage>): Promise<void> {
    const replacing = this.#replaceHeld(item, by).finally(() => this.#replacing.delete(replacing))
    this.#replacing.add(replacing)
    return replacing
  }

  async #replaceHeld(
    { itemId, claim }: Pick<ClaimedItem, 'itemId' | 'claim'>,
    by: (held: Held) => Promise<RabbitMessage>,
  ): Promise<void> {
    const held = this.#held.get(claim)
    this.#held.delete(claim)
    if (held === undefined || !(await answers(held.asker))) throw claimLost(itemId)
    try {
      await this.#options.publisher.publish([await by(held)])
    } catch (error) {
      // It is still ours, and can be tried again.
      this.#held.set(claim, held)
      throw error
    }
    acknowledge(held)
  }
}

function openAsker(channel: Channel): Asker {
  const lost = new AbortController()
  channel.on('close', () =>
    lost.abort(new TenfoldError('TF_CLAIM_LOST', 'expected to keep an item, but the connection of its worker broke')),
  )
  return { channel, lost }
}

function acknowledge({ asker, message }: Held): void {
  try {
    asker.channel.ack(message)
  } catch {
    // It is closed: `lost` tells so.
  }
}

/** Whether the broker has all that was said on a channel until now. */
async function answers({ channel, lost }: Asker): Promise<boolean> {
  if (lost.signal.aborted) return false
  try {
    // Nothing is pushed on it, so that this changes nothing.
    await channel.prefetch(1)
    return true
  } catch {
    return false
  }
}

function claimLost(itemId: string): TenfoldError {
  return new TenfoldError('TF_CLAIM_LOST', `expected to have item ${itemId}, but another worker may have it`, {
    hint: 'begin nothing more for it; the other does it',
    details: { itemId },
  })
}
