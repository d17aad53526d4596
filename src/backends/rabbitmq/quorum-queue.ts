import type { Channel } from 'amqplib'

/** @see declareQuorumQueue */
export interface QuorumQueueOptions {
  /** One consumer at a time, in order. @default false */
  readonly isSingleActive?: boolean
  /**
   * Where messages go that died: those that were handed out `DELIVERIES_MAX` times in vain, or have outlived `ttlMs`. An
   * exchange, which they reach with a routing key of their own or this one. They are kept until they have arrived.
   *
   * @default nowhere: they are kept
   */
  readonly deadLetters?: { readonly exchange: string; readonly routingKey?: string }
  /** @default for ever */
  readonly ttlMs?: number
  /** @default any number */
  readonly lengthMax?: number
}

/**
 * Deliveries of a message that ended otherwise than by being done or put aside: each time a process died, or gave it back.
 * Then the broker puts it aside itself, so that one that kills whoever reads it can't do so for ever.
 */
export const DELIVERIES_MAX = 1_000

/** RabbitMQ 4 would drop what was handed out more than 20 times. */
const DELIVERIES_ANY = 1_000_000

/**
 * Makes a queue that a majority of the broker's nodes keep on their disks, where it is not there. Its arguments are for
 * ever: RabbitMQ refuses to declare a queue that has others. What users may want to change is for policies.
 */
export async function declareQuorumQueue(
  channel: Channel,
  queue: string,
  options: QuorumQueueOptions = {},
): Promise<void> {
  const { isSingleActive, deadLetters, ttlMs, lengthMax } = options
  await channel.assertQueue(queue, {
    durable: true,
    arguments: {
      'x-queue-type': 'quorum',
      'x-delivery-limit': deadLetters === undefined || ttlMs !== undefined ? DELIVERIES_ANY : DELIVERIES_MAX,
      ...(isSingleActive === true ? { 'x-single-active-consumer': true } : {}),
      ...(ttlMs === undefined ? {} : { 'x-message-ttl': ttlMs }),
      ...(lengthMax === undefined ? {} : { 'x-max-length': lengthMax }),
      ...(deadLetters === undefined
        ? {}
        : {
            'x-dead-letter-exchange': deadLetters.exchange,
            ...(deadLetters.routingKey === undefined ? {} : { 'x-dead-letter-routing-key': deadLetters.routingKey }),
            'x-dead-letter-strategy': 'at-least-once',
            // Without it the broker does not keep dead letters until they have arrived.
            'x-overflow': 'reject-publish',
          }),
    },
  })
}
