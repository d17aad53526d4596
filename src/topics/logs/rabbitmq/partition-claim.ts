import assert from 'node:assert/strict'
import type { Channel, ConsumeMessage } from 'amqplib'
import type { RabbitConnection } from '../../../backends/rabbitmq/rabbit-connection.ts'
import { isLocked } from '../../../backends/rabbitmq/rabbit-connection.ts'
import { TenfoldError } from '../../../core/errors.ts'
import type { ClaimedEvent, PartitionClaim } from '../../topic-log.ts'
import { eventOf } from './event-message.ts'
import type { GroupNames } from './names.ts'

/** A claim as its member holds it. */
export interface HeldClaim extends PartitionClaim {
  /** Asks the work to end. */
  end(): void
  /** Lets others have what is not committed. */
  giveBack(): Promise<void>
  /** What the group may know of it. */
  readonly state: ClaimState
}

export interface ClaimState {
  readonly partition: number
  /** Events committed since the claim began. */
  readonly done: number
  /** Events that the broker has sent, and are not committed. */
  readonly unfinished: number
  /** When the first of them was published; undefined: there is none. */
  readonly oldestEpochMs: number | undefined
}

/** @see claimPartition */
export interface PartitionClaimOptions {
  readonly connection: RabbitConnection
  readonly names: GroupNames
  readonly partition: number
  readonly epoch: number
  /** Events that the broker sends ahead of those that are committed, at most. */
  readonly prefetch: number
  /** Events came where there were none. */
  onArrival(): void
}

/**
 * Takes a partition. Two things keep others away. A queue that exists for this connection only tells them that somebody
 * has the partition; it goes with the connection. And the broker sends the events of a queue to one consumer at a time: the
 * next one gets its first event when all that this one has not acknowledged is back in the queue, in its old order. What is
 * acknowledged is always the beginning without a gap, so that the next one goes on there.
 *
 * @returns undefined if somebody has it
 */
export async function claimPartition(options: PartitionClaimOptions): Promise<HeldClaim | undefined> {
  const { connection, names, partition, prefetch } = options
  const channel = await connection.channel()
  try {
    await channel.assertQueue(names.owner(partition), { exclusive: true, durable: false })
  } catch (error) {
    if (isLocked(error)) return undefined
    throw error
  }
  const claim = new Claim(options, channel)
  await channel.prefetch(prefetch)
  await channel.consume(names.queue(partition), (message) => claim.arrive(message))
  return claim
}

class Claim implements HeldClaim {
  readonly #options: PartitionClaimOptions
  readonly #channel: Channel
  readonly #ending = new AbortController()
  readonly #lost = new AbortController()
  #arrived: ClaimedEvent[] = []
  /** Of all events that were sent and are not committed. */
  readonly #publishedEpochMs: number[] = []
  #sequence = 0
  #handedOut = 0
  #done = 0

  constructor(options: PartitionClaimOptions, channel: Channel) {
    this.#options = options
    this.#channel = channel
    channel.on('close', () => this.#lost.abort(claimLost(this.partition)))
  }

  get partition(): number {
    return this.#options.partition
  }

  get epoch(): number {
    return this.#options.epoch
  }

  get ending(): AbortSignal {
    return this.#ending.signal
  }

  get lost(): AbortSignal {
    return this.#lost.signal
  }

  get state(): ClaimState {
    const { partition } = this
    const [oldestEpochMs] = this.#publishedEpochMs
    return { partition, done: this.#done, unfinished: this.#publishedEpochMs.length, oldestEpochMs }
  }

  /** Of the broker; nothing: it has ended the consumer, because the queue is gone. */
  arrive(message: ConsumeMessage | null): void {
    if (message === null) {
      this.#lost.abort(claimLost(this.partition))
      return
    }
    // The only consumer of its channel: what the broker counts is the sequence.
    const sequence = message.fields.deliveryTag
    assert(sequence === this.#sequence + 1, 'expected deliveries to be numbered from 1')
    this.#sequence = sequence
    const event = eventOf(message, this.partition, { sequence })
    this.#publishedEpochMs.push(event.publishedEpochMs)
    this.#arrived.push(event)
    if (this.#arrived.length === 1) this.#options.onArrival()
  }

  async read(max: number): Promise<readonly ClaimedEvent[]> {
    this.#requireHeld()
    const events = this.#arrived.splice(0, max)
    this.#handedOut += events.length
    return events
  }

  async commit(sequence: number): Promise<void> {
    this.#requireHeld()
    assert(sequence > this.#done && sequence <= this.#handedOut, 'expected an event that is not done yet')
    try {
      this.#channel.ack({ fields: { deliveryTag: sequence } } as ConsumeMessage, true)
    } catch {
      // It is just being closed.
      throw claimLost(this.partition)
    }
    this.#publishedEpochMs.splice(0, sequence - this.#done)
    this.#done = sequence
  }

  rolledBack(): void {
    // No transaction ever has progress of this log.
  }

  end(): void {
    this.#ending.abort()
  }

  async giveBack(): Promise<void> {
    const { connection, names } = this.#options
    // First what decides, then what tells. It may have been closed by the broker.
    await this.#channel.close().catch(() => undefined)
    if (connection.closed.aborted) return
    const channel = await connection.channel()
    await channel.deleteQueue(names.owner(this.partition))
    await channel.close()
  }

  #requireHeld(): void {
    this.#lost.signal.throwIfAborted()
  }
}

function claimLost(partition: number): TenfoldError {
  return new TenfoldError('TF_CLAIM_LOST', `expected to have partition ${partition}, but another member may have it`, {
    hint: 'begin nothing more on it; the other goes on behind the last commit',
    details: { partition },
  })
}
