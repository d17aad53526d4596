import { createRequire } from 'node:module'
import type { Socket } from 'node:net'
import type { Channel, ChannelModel, ConfirmChannel } from 'amqplib'
import type { Clock } from '../../core/clock.ts'
import { withTimeout } from '../../core/clock.ts'
import { messageOf, TenfoldError } from '../../core/errors.ts'

/** A connection to RabbitMQ, until it breaks: it never comes back by itself. */
export interface RabbitConnection {
  /** Aborted when it has ended or broken; whatever was under way on it has failed. */
  readonly closed: AbortSignal
  /** Why the broker takes no messages at present: it is short of memory or disk. */
  readonly blocked: string | undefined
  /** A channel; errors close it, and what waits on it rejects. @throws TF_BROKER_UNREACHABLE */
  channel(): Promise<Channel>
  /** A channel on which the broker says what it has taken. @throws TF_BROKER_UNREACHABLE */
  confirmChannel(): Promise<ConfirmChannel>
  /** Says good-bye, for a second at most. */
  end(): Promise<void>
  /** Ends at once, like a cable that is pulled. */
  cut(): void
}

/** @see connectRabbit */
export interface RabbitOptions {
  /** `amqp://` or `amqps://`, whose certificate is verified, with the virtual host as its path. */
  readonly url: string
  /** What the broker's pages call it. */
  readonly name: string
  /** How long either side may be silent until the other takes it for dead, ms; from 3000. It takes two to three thirds of it. */
  readonly silenceMs: number
  readonly clock: Clock
}

const CONNECT_MS = 5_000
const END_MS = 1_000

/**
 * Opens a connection.
 *
 * @throws TF_PEER_MISSING the client is not installed
 * @throws TF_BROKER_UNREACHABLE
 * @throws TF_BROKER_REFUSED who we are, or where we want to go
 * @throws TF_OPTION_INVALID
 */
export async function connectRabbit({ url, name, silenceMs, clock }: RabbitOptions): Promise<RabbitConnection> {
  const address = parseRabbitUrl(url)
  address.searchParams.set('heartbeat', String(Math.max(1, Math.round(silenceMs / 3_000))))
  const settings = { timeout: CONNECT_MS, noDelay: true, clientProperties: { connection_name: name } }
  const opening = loadClient().connect(address.href, settings)
  try {
    return new Connection(await withTimeout(clock, CONNECT_MS, 'an answer of RabbitMQ', opening), clock)
  } catch (error) {
    abandon(opening)
    throw failureOf(error, `expected RabbitMQ to answer at ${address.host}`)
  }
}

/** An error of the client as one of ours, which it may be already. */
export function failureOf(error: unknown, expected: string): TenfoldError {
  if (error instanceof TenfoldError && error.code !== 'TF_TIMEOUT') return error
  const message = `${expected}, got: ${messageOf(error)}`
  if (REFUSALS.test(messageOf(error))) {
    return new TenfoldError('TF_BROKER_REFUSED', message, {
      hint: 'check the user, the password and the virtual host in the url, and what the user may do (rabbitmqctl list_permissions)',
      cause: error,
    })
  }
  return new TenfoldError('TF_BROKER_UNREACHABLE', message, {
    hint: 'look whether the broker runs, and whether the url names it as this machine can reach it',
    cause: error,
  })
}

/** Whether a queue belongs to another connection. */
export function isLocked(error: unknown): boolean {
  return replyCode(error) === 405
}

/** Whether something exists, but not as it was declared. */
export function isOtherwise(error: unknown): boolean {
  return replyCode(error) === 406
}

/** Whether something that was asked for does not exist. */
export function isMissing(error: unknown): boolean {
  return replyCode(error) === 404
}

/** What the broker has closed a channel with. */
function replyCode(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
}

function parseRabbitUrl(url: string): URL {
  const address = URL.parse(url)
  if (address !== null && (address.protocol === 'amqp:' || address.protocol === 'amqps:')) return address
  // Never the address itself: it may hold a password.
  throw new TenfoldError('TF_OPTION_INVALID', 'expected the url of RabbitMQ to begin with amqp:// or amqps://', {
    hint: 'give it as amqp://user:password@host:5672/virtual-host, special characters percent-encoded',
  })
}

class Connection implements RabbitConnection {
  readonly #model: ChannelModel
  readonly #clock: Clock
  readonly #closed = new AbortController()
  blocked: string | undefined

  constructor(model: ChannelModel, clock: Clock) {
    this.#model = model
    this.#clock = clock
    // The error comes before the close, which has none then.
    let cause: unknown
    model.on('error', (error) => void (cause = error))
    model.on('close', () => {
      this.#closed.abort(failureOf(cause ?? 'it was closed', 'expected RabbitMQ to stay'))
      // The client only says that it sends no more, which the other side may never read.
      this.#stream.destroy()
    })
    model.on('blocked', (reason) => void (this.blocked = reason))
    model.on('unblocked', () => void (this.blocked = undefined))
  }

  get closed(): AbortSignal {
    return this.#closed.signal
  }

  channel(): Promise<Channel> {
    return this.#open(() => this.#model.createChannel())
  }

  confirmChannel(): Promise<ConfirmChannel> {
    return this.#open(() => this.#model.createConfirmChannel())
  }

  async end(): Promise<void> {
    const ending = this.#model.close()
    await withTimeout(this.#clock, END_MS, 'a good-bye', ending).catch(() => this.cut())
    if (!this.closed.aborted) this.#closed.abort(failureOf('it was ended', 'expected RabbitMQ to stay'))
  }

  cut(): void {
    // Without an error it would not be told.
    this.#stream.destroy(new Error('the connection was cut'))
  }

  /** The client has no way to end a connection whose other side is silent. */
  get #stream(): Socket {
    return (this.#model.connection as unknown as { readonly stream: Socket }).stream
  }

  async #open<Kind extends Channel>(open: () => Promise<Kind>): Promise<Kind> {
    try {
      this.closed.throwIfAborted()
      const opening = open()
      const channel = await withTimeout(this.#clock, CONNECT_MS, 'a channel', opening)
      // Whoever waits for an answer on it is told; an event that nobody listens to would end the process.
      channel.on('error', () => undefined)
      return channel
    } catch (error) {
      throw failureOf(error, 'expected RabbitMQ to open a channel')
    }
  }
}

const REFUSALS = /ACCESS[-_]REFUSED|NOT[-_]ALLOWED|vhost .* not found|INVALID[-_]PATH/i

/** It may still come about, and nobody wants it any more. */
async function abandon(opening: Promise<ChannelModel>): Promise<void> {
  const model = await opening.catch(() => undefined)
  model?.on('error', () => undefined)
  await model?.close().catch(() => undefined)
}

type Client = Pick<typeof import('amqplib'), 'connect'>

/** @throws TF_PEER_MISSING the client is not installed */
export function requireRabbitClient(): void {
  loadClient()
}

let loaded: Client | undefined

/** Late: a system without RabbitMQ does not pay for its client. */
function loadClient(): Client {
  if (loaded !== undefined) return loaded
  try {
    loaded = createRequire(import.meta.url)('amqplib') as Client
    return loaded
  } catch (cause) {
    throw new TenfoldError('TF_PEER_MISSING', 'expected the package amqplib to be installed: it talks to RabbitMQ', {
      hint: 'run "npm install amqplib"',
      details: { package: 'amqplib' },
      cause,
    })
  }
}
