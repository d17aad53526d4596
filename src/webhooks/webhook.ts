import diagnostics from 'node:diagnostics_channel'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../core/clock.ts'
import { systemClock } from '../core/clock.ts'
import { TenfoldError } from '../core/errors.ts'
import { isFirst } from '../topics/inbox.ts'
import type { StatementRunner } from '../topics/topic-database.ts'
import { readBody } from './read-body.ts'
import type { Delivery, WebhookSignature } from './signature.ts'

/*
 * A sender delivers until it gets a 2xx, so the same event comes any number of times, also at once at two instances. One
 * transaction notes its id and does what `accept` does, which is to publish or enqueue: both are there or neither is. The
 * answer is sent after the commit. So an event that was answered for is never lost, one that is delivered again changes
 * nothing, and one whose answer got lost is delivered again and found.
 */

/** A delivery whose signature is right and that has not been accepted before. */
export interface AcceptedDelivery<Transaction> {
  /** What the body says. */
  readonly json: unknown
  /** What the sender calls it. */
  readonly id: string
  readonly delivery: Delivery
  /** Publish, enqueue and write with it; what it commits has happened once for this id. */
  readonly transaction: Transaction
}

/** @see createWebhook */
export interface WebhookOptions<Transaction> {
  /** Of the sender, say: ids are told apart within a name. @example name: 'stripe' */
  readonly name: string
  readonly signature: WebhookSignature
  /** Where ids are noted; it has the tables of topics if a service that lists it publishes, consumes or enqueues. */
  readonly database: { transaction<Result>(work: (tx: Transaction) => Promise<Result>): Promise<Result> }
  /** What the sender calls the event. @default the signature's own, or the `id` in the body */
  readonly idOf?: (delivery: { readonly json: unknown; readonly headers: Delivery['headers'] }) => string | undefined
  /**
   * Makes sure that the event is dealt with later: publishes it, or enqueues work, with the transaction. The sender waits
   * meanwhile: do no more here. What it throws is answered with 503 and printed, and the sender tries again.
   */
  accept(accepted: AcceptedDelivery<Transaction>): Promise<void>
  /** Bytes; more is answered with 413. @default 1048576 */
  readonly bodyMax?: number
  readonly clock?: Clock
}

/** What the sender is told. */
export interface WebhookAnswer {
  /** 200: durable, now or before. 4xx: it will never be. 503: try again. */
  readonly status: 200 | 400 | 401 | 413 | 422 | 503
  readonly body: { readonly outcome: 'accepted' | 'known' } | { readonly error: string }
}

/** Takes deliveries of one sender. */
export interface Webhook {
  /** A delivery whose raw body some framework has read. */
  receive(delivery: Delivery): Promise<WebhookAnswer>
  /** A request of `node:http`, Express or Connect whose body nobody has read yet. @throws TF_WEBHOOK_BODY_READ */
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>
  /** A request of frameworks with `fetch`'s types. @throws TF_WEBHOOK_BODY_READ */
  fetch(request: Request): Promise<Response>
}

/** Where it is told of deliveries that were not accepted, as `WebhookTrouble`. */
export const WEBHOOK_TROUBLE_CHANNEL = 'tenfold:webhook:trouble'

/** Published on `WEBHOOK_TROUBLE_CHANNEL`. */
export interface WebhookTrouble {
  readonly webhook: string
  readonly status: number
  readonly reason: string
  /** What was thrown, with 503. */
  readonly error?: unknown
}

const BODY_MAX_DEFAULT = 1_048_576
const ID_LENGTH_MAX = 512
const trouble = diagnostics.channel(WEBHOOK_TROUBLE_CHANNEL)

/**
 * @example
 * const stripe = createWebhook({
 *   name: 'stripe', signature: stripeSignature(process.env.STRIPE_SECRET), database: databases.orders,
 *   accept: ({ json, transaction }) => publishes.payment_changed.publish(json, { transaction }),
 * })
 * createServer((request, response) => stripe.handle(request, response))
 */
export function createWebhook<Transaction extends StatementRunner>(options: WebhookOptions<Transaction>): Webhook {
  const { name, signature, database, clock = systemClock, bodyMax = BODY_MAX_DEFAULT } = options

  function refuse(status: 400 | 401 | 413 | 422 | 503, reason: string, error?: unknown): WebhookAnswer {
    const event: WebhookTrouble = { webhook: name, status, reason, ...(error === undefined ? {} : { error }) }
    if (trouble.hasSubscribers) trouble.publish(event)
    return { status, body: { error: reason } }
  }

  const tooLarge = (): WebhookAnswer => refuse(413, `the body has more than ${bodyMax} bytes`)

  async function receive(delivery: Delivery): Promise<WebhookAnswer> {
    if (delivery.body.byteLength > bodyMax) return tooLarge()
    const problem = signature.problemWith(delivery, clock.epochMs())
    if (problem !== undefined) return refuse(401, problem)
    let json: unknown
    try {
      json = JSON.parse(Buffer.from(delivery.body).toString('utf8'))
    } catch {
      return refuse(400, 'the body is not JSON')
    }
    const id = options.idOf?.({ json, headers: delivery.headers }) ?? signature.idOf?.(delivery) ?? idIn(json)
    if (id === undefined || id === '' || id.length > ID_LENGTH_MAX) {
      return refuse(422, `there is no id of 1 to ${ID_LENGTH_MAX} characters by which to know this event again`)
    }
    try {
      const outcome = await database.transaction(async (transaction) => {
        if (!(await isFirst(transaction, `webhook/${name}`, id))) return 'known'
        await options.accept({ json, id, delivery, transaction })
        return 'accepted'
      })
      return { status: 200, body: { outcome } }
    } catch (error) {
      // What went wrong is the service's affair, not the sender's.
      process.stderr.write(`tenfold: webhook ${name}: ${error instanceof Error ? error.stack : String(error)}\n`)
      return refuse(503, 'it could not be accepted now; deliver it again', error)
    }
  }

  return {
    receive,
    async handle(request, response) {
      if (request.readableEnded) throw bodyRead(name)
      let body: Uint8Array | undefined
      try {
        body = await readBody(request.iterator({ destroyOnReturn: false }), bodyMax)
      } catch {
        // The sender has gone, and delivers again.
        response.destroy()
        return
      }
      const answer = body === undefined ? tooLarge() : await receive({ headers: request.headers, body })
      const text = JSON.stringify(answer.body)
      response.writeHead(answer.status, {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(text),
        ...(body === undefined ? { connection: 'close' } : {}),
      })
      response.end(text)
    },
    async fetch(request) {
      if (request.bodyUsed) throw bodyRead(name)
      const body = await readBody(request.body ?? [], bodyMax)
      const answer =
        body === undefined ? tooLarge() : await receive({ headers: Object.fromEntries(request.headers), body })
      return Response.json(answer.body, { status: answer.status })
    },
  }
}

function idIn(json: unknown): string | undefined {
  if (typeof json !== 'object' || json === null || !('id' in json)) return undefined
  return typeof json.id === 'string' || typeof json.id === 'number' ? String(json.id) : undefined
}

function bodyRead(name: string): TenfoldError {
  return new TenfoldError(
    'TF_WEBHOOK_BODY_READ',
    `expected the body of the delivery for ${name} to be unread, but it has been read`,
    { hint: `let the webhook come before what parses bodies, or give the raw bytes to receive()`, details: { name } },
  )
}
