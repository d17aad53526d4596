import type { ConfirmChannel } from 'amqplib'
import { messageOf, TenfoldError } from '../../core/errors.ts'
import type { RabbitConnection, RabbitOptions } from './rabbit-connection.ts'
import { connectRabbit, failureOf } from './rabbit-connection.ts'

/** A message on its way to a broker. */
export interface RabbitMessage {
  /** `''`: the routing key is the name of a queue. */
  readonly exchange: string
  readonly routingKey: string
  readonly content: Buffer
  readonly messageId: string
  readonly headers: Readonly<Record<string, unknown>>
  readonly timestampEpochMs: number
}

/** Publishes what has to arrive, over a connection that is made when it is needed. */
export interface RabbitPublisher {
  /** The connection, which may be used for channels, too; it is another one when it has broken. */
  connection(): Promise<RabbitConnection>
  /**
   * Publishes messages in their order, behind those of earlier calls. When it resolves, every queue that they were routed
   * to has them on the disks of a majority of its nodes.
   *
   * @throws TF_BROKER_UNREACHABLE nothing was published
   * @throws TF_MESSAGE_UNROUTABLE no queue takes one of them; the others are published
   * @throws TF_PUBLISH_INDETERMINATE some are published, or all, or none
   */
  publish(messages: readonly RabbitMessage[]): Promise<void>
  /** Nothing can be published any more. Safe to call twice. */
  end(): Promise<void>
}

/** @see createRabbitPublisher */
export interface RabbitPublisherOptions extends RabbitOptions {
  /** How long a call may take: to be connected, to have its turn, and until the broker says that it has all messages. */
  readonly confirmMs: number
}

/** Messages that are sent and not confirmed, at most: who publishes more waits. */
const UNCONFIRMED_MAX = 10_000
/** Calls that have not had their turn: more are refused. */
const CALLS_MAX = 10_000

/** Nothing is sent before the first call. */
export function createRabbitPublisher(options: RabbitPublisherOptions): RabbitPublisher {
  return new Publisher(options)
}

/** What goes out over one connection. */
interface Line {
  readonly connection: RabbitConnection
  readonly channel: ConfirmChannel
  /** By their correlation ids. */
  readonly unconfirmed: Map<string, { isReturned: boolean }>
  isOpen: boolean
}

class Publisher implements RabbitPublisher {
  readonly #options: RabbitPublisherOptions
  #connecting: Promise<RabbitConnection> | undefined
  #opening: Promise<Line> | undefined
  #sending: Promise<unknown> = Promise.resolve()
  #calls = 0
  #count = 0
  #isEnded = false
  #changed = Promise.withResolvers<void>()

  constructor(options: RabbitPublisherOptions) {
    this.#options = options
  }

  connection(): Promise<RabbitConnection> {
    if (this.#isEnded) return Promise.reject(failureOf('it was ended', 'expected a connection to RabbitMQ'))
    if (this.#connecting !== undefined) return this.#connecting
    const connecting = this.#connect(() => {
      if (this.#connecting === connecting) this.#connecting = undefined
    })
    this.#connecting = connecting
    return connecting
  }

  async #connect(forget: () => void): Promise<RabbitConnection> {
    try {
      const connection = await connectRabbit(this.#options)
      connection.closed.addEventListener('abort', forget, { once: true })
      if (connection.closed.aborted) forget()
      return connection
    } catch (error) {
      forget()
      throw error
    }
  }

  async publish(messages: readonly RabbitMessage[]): Promise<void> {
    if (messages.length === 0) return
    if (this.#calls >= CALLS_MAX)
      throw failureOf(`${CALLS_MAX} calls wait already`, 'expected RabbitMQ to take messages')
    const batch = new Batch(messages.length)
    const cancel = this.#options.clock.schedule(this.#options.confirmMs, () => this.#giveUp(batch))
    this.#calls++
    const before = this.#sending
    this.#sending = this.#sendAfter(before, messages, batch)
    try {
      await batch.settled
    } finally {
      cancel()
    }
  }

  async end(): Promise<void> {
    this.#isEnded = true
    const connecting = this.#connecting
    const connection = await connecting?.catch(() => undefined)
    await connection?.end()
  }

  /** Resolves when all are sent, or have failed before. */
  async #sendAfter(before: Promise<unknown>, messages: readonly RabbitMessage[], batch: Batch): Promise<void> {
    await before
    this.#calls--
    if (batch.hasFailed) return
    try {
      await this.#send(await this.#line(), messages, batch)
    } catch (error) {
      batch.fail(
        batch.line === undefined ? failureOf(error, 'expected RabbitMQ to take messages') : indeterminate(error),
      )
    }
  }

  async #send(line: Line, messages: readonly RabbitMessage[], batch: Batch): Promise<void> {
    // It may have taken too long to get it.
    if (batch.hasFailed) return
    for (const message of messages) {
      while (line.isOpen && line.unconfirmed.size >= UNCONFIRMED_MAX) await this.#changed.promise
      if (!this.#sendOne(line, message, batch)) await drained(line)
    }
  }

  #giveUp(batch: Batch): void {
    const { confirmMs } = this.#options
    if (batch.line === undefined) {
      batch.fail(failureOf(`nothing within ${confirmMs} ms`, 'expected RabbitMQ to take messages'))
      return
    }
    const { connection } = batch.line
    batch.fail(late(confirmMs, connection.blocked))
    // What it may still hold must not arrive after what is published next.
    connection.cut()
  }

  #sendOne(line: Line, message: RabbitMessage, batch: Batch): boolean {
    const { channel, unconfirmed } = line
    const { exchange, routingKey, content, messageId, headers, timestampEpochMs } = message
    const correlationId = String(++this.#count)
    const state = { isReturned: false }
    const hasRoom = channel.publish(
      exchange,
      routingKey,
      content,
      {
        persistent: true,
        mandatory: true,
        messageId,
        correlationId,
        headers,
        timestamp: Math.floor(timestampEpochMs / 1_000),
      },
      (error: unknown) => {
        unconfirmed.delete(correlationId)
        this.#madeRoom()
        if (error !== null && error !== undefined) batch.note(indeterminate(error))
        else if (state.isReturned) batch.note(unroutable(message))
        batch.settle()
      },
    )
    unconfirmed.set(correlationId, state)
    batch.line = line
    return hasRoom
  }

  #madeRoom(): void {
    this.#changed.resolve()
    this.#changed = Promise.withResolvers()
  }

  async #line(): Promise<Line> {
    const connection = await this.connection()
    const line = await this.#opening?.catch(() => undefined)
    if (line?.connection === connection && line.isOpen) return line
    this.#opening = openLine(connection)
    return this.#opening
  }
}

/** The messages of one call: when all of them are confirmed or lost, and what was wrong first. */
class Batch {
  readonly #settled = Promise.withResolvers<void>()
  #left: number
  #failure: TenfoldError | undefined
  /** Where some of them went. */
  line: Line | undefined
  hasFailed = false

  constructor(count: number) {
    this.#left = count
  }

  get settled(): Promise<void> {
    return this.#settled.promise
  }

  settle(): void {
    if (--this.#left > 0) return
    if (this.#failure === undefined) this.#settled.resolve()
    else this.#settled.reject(this.#failure)
  }

  /** That something is not known weighs more than what is. */
  note(failure: TenfoldError): void {
    if (this.#failure === undefined || failure.code === 'TF_PUBLISH_INDETERMINATE') this.#failure = failure
  }

  /** Does not wait for the rest. */
  fail(failure: TenfoldError): void {
    this.hasFailed = true
    this.#settled.reject(failure)
  }
}

async function openLine(connection: RabbitConnection): Promise<Line> {
  const channel = await connection.confirmChannel()
  const line: Line = { connection, channel, unconfirmed: new Map(), isOpen: true }
  channel.on('close', () => void (line.isOpen = false))
  // It comes before the confirmation, which a message also gets that went nowhere.
  channel.on('return', ({ properties }) => {
    const state = line.unconfirmed.get(String(properties.correlationId))
    if (state !== undefined) state.isReturned = true
  })
  return line
}

/** The buffer of the connection is full. */
function drained({ channel, isOpen }: Line): Promise<void> {
  if (!isOpen) return Promise.resolve()
  return new Promise((resolve) => {
    const done = (): void => {
      channel.off('drain', done)
      channel.off('close', done)
      resolve()
    }
    channel.on('drain', done)
    channel.on('close', done)
  })
}

function indeterminate(cause: unknown): TenfoldError {
  return new TenfoldError(
    'TF_PUBLISH_INDETERMINATE',
    `expected RabbitMQ to confirm what was published, got: ${messageOf(cause)}`,
    { hint: AGAIN, cause },
  )
}

function late(confirmMs: number, blocked: string | undefined): TenfoldError {
  const why = blocked === undefined ? 'nothing' : `that it takes no messages: ${blocked}`
  return new TenfoldError(
    'TF_PUBLISH_INDETERMINATE',
    `expected RabbitMQ to confirm what was published within ${confirmMs} ms, got ${why}`,
    { hint: blocked === undefined ? AGAIN : `free what the broker is short of; ${AGAIN}` },
  )
}

const AGAIN =
  'publish it again with the same ids: what arrives twice has its effects once where consumers use the inbox'

function unroutable({ exchange, routingKey }: RabbitMessage): TenfoldError {
  return new TenfoldError(
    'TF_MESSAGE_UNROUTABLE',
    `expected a queue of RabbitMQ to take what is published to ${exchange === '' ? 'queue' : exchange} ${routingKey}, got none`,
    { hint: 'start somebody who reads it first', details: { exchange, routingKey } },
  )
}
