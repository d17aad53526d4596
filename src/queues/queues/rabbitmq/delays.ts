import type { Channel } from 'amqplib'
import { declareQuorumQueue } from '../../../backends/rabbitmq/quorum-queue.ts'
import { TenfoldError } from '../../../core/errors.ts'

/*
 * RabbitMQ has no queue that waits, but messages that outlive their time in a queue go on to an exchange. There is such a
 * queue for each power of two of a unit of time, and an item passes through those whose sum is its delay, the longest
 * first. All items of one queue wait for equally long, so that none ever stands before one that is due earlier, and no
 * process is needed for any of it. The words of the routing key are the bits of the delay, then where the item goes:
 *
 *   exchange k takes what has `1` at bit k to queue k, whose dead letters are for exchange k − 1, and what has `0` to
 *   exchange k − 1 at once; behind exchange 0 is `tenfold/due`, to which every queue of items is bound.
 *
 * These are shared by all queues of a virtual host. (The scheme is that of NServiceBus, "Delayed delivery".)
 */

/** Delays are rounded up to it. */
const UNIT_MS = 50
const LEVELS = 28
/** 155 days. */
export const DELAY_MS_MAX: number = (2 ** LEVELS - 1) * UNIT_MS

const DUE = 'tenfold/due'

/** Where something is published that shall come to a queue after a delay. */
export interface DelayedRoute {
  readonly exchange: string
  readonly routingKey: string
  /** What has to be there; see `declareDelays`. */
  readonly level: number
}

/** @throws TF_QUEUE_UNSUPPORTED it is longer than `DELAY_MS_MAX` */
export function delayedRoute(delayMs: number, destination: string): DelayedRoute {
  if (delayMs > DELAY_MS_MAX) {
    throw new TenfoldError(
      'TF_QUEUE_UNSUPPORTED',
      `expected RabbitMQ to wait for ${DELAY_MS_MAX} ms at most, got ${Math.round(delayMs)} ms`,
      { hint: 'put the item in later, or keep the queue on PostgreSQL' },
    )
  }
  const units = Math.max(1, Math.ceil(delayMs / UNIT_MS))
  const bits = units.toString(2).padStart(LEVELS, '0')
  const level = LEVELS - 1 - bits.indexOf('1')
  return { exchange: nameOf(level), routingKey: `${[...bits].join('.')}.${destination}`, level }
}

/** Makes what delays of up to this level need, where it is not there. */
export async function declareDelays(channel: Channel, level: number): Promise<void> {
  await channel.assertExchange(DUE, 'topic', { durable: true })
  for (let k = 0; k <= level; k++) {
    const next = k === 0 ? DUE : nameOf(k - 1)
    const before = '*.'.repeat(LEVELS - 1 - k)
    await channel.assertExchange(nameOf(k), 'topic', { durable: true })
    await declareQuorumQueue(channel, nameOf(k), { ttlMs: UNIT_MS * 2 ** k, deadLetters: { exchange: next } })
    await channel.bindQueue(nameOf(k), nameOf(k), `${before}1.#`)
    await channel.bindExchange(next, nameOf(k), `${before}0.#`)
  }
}

/** Lets a queue have what was delayed for a destination. */
export async function bindToDue(channel: Channel, queue: string, destination: string): Promise<void> {
  await channel.assertExchange(DUE, 'topic', { durable: true })
  await channel.bindQueue(queue, DUE, `#.${destination}`)
}

function nameOf(level: number): string {
  return `tenfold/delay/${level}`
}
