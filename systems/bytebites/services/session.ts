import { createHash, randomBytes } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import { Problem } from './problem.ts'
import type { Subscriber, SubscriberStore } from './stores/subscriber-store.ts'

/** How long a session lasts after sign-in. */
export const SESSION_MS = 30 * 60_000

/** What a client gets to prove who it is. The subscriber's number stands in it, so that a session is found by it. */
export interface SessionToken {
  readonly token: string
  /** What is stored in its place. */
  readonly hash: Buffer
  /** Names the session without opening it: a client may use it in the keys of its requests. */
  readonly id: string
}

/** A token nobody can guess. */
export function newSessionToken(userId: number): SessionToken {
  const token = `${userId}.${randomBytes(24).toString('base64url')}`
  const hash = hashOf(token)
  return { token, hash, id: hash.toString('hex').slice(0, 16) }
}

/**
 * The subscriber whose session a request carries.
 *
 * @throws Problem 401
 */
export async function signedIn(
  request: FastifyRequest,
  subscribers: SubscriberStore,
  nowMs: number,
): Promise<Subscriber> {
  const token = /^Bearer ((\d{1,9})\.[\w-]{32})$/i.exec(request.headers.authorization ?? '')
  const subscriber =
    token?.[1] === undefined ? undefined : await subscribers.bySession(Number(token[2]), hashOf(token[1]), nowMs)
  if (subscriber === undefined)
    throw new Problem(401, 'expected a bearer token from POST /sessions that has not expired')
  return subscriber
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
