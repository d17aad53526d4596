import type { FastifyInstance } from 'fastify'
import { hashPassword, isPassword } from '../password.ts'
import { Problem } from '../problem.ts'
import { newSessionToken, SESSION_MS } from '../session.ts'
import type { SubscriberStore } from '../stores/subscriber-store.ts'

/** Checked when there is no such subscriber, so that the time of the answer does not tell. */
const NOBODY = hashPassword('nobody has this password')

/** `POST /sessions`: e-mail and password in, token out. */
export function sessionRoutes(
  app: FastifyInstance,
  { subscribers, now }: { subscribers: SubscriberStore; now: () => number },
): void {
  app.post<{ Body: { email: string; password: string } }>('/sessions', { schema: SCHEMA }, async (request, reply) => {
    const { email, password } = request.body
    const known = await subscribers.credentials(email)
    const isRight = await isPassword(password, known?.passwordHash ?? NOBODY)
    if (known === undefined || !isRight) throw new Problem(401, 'no subscriber has this e-mail address and password')
    const { token, hash, id } = newSessionToken(known.userId)
    const nowMs = now()
    const expiresAtMs = nowMs + SESSION_MS
    await subscribers.openSession({ userId: known.userId, tokenHash: hash, expiresAtMs, nowMs })
    return reply.code(201).send({ token, session: id, expiresAt: new Date(expiresAtMs).toISOString() })
  })
}

const SCHEMA = {
  body: {
    type: 'object',
    required: ['email', 'password'],
    additionalProperties: false,
    properties: {
      email: { type: 'string', minLength: 3, maxLength: 254 },
      password: { type: 'string', minLength: 1, maxLength: 128 },
    },
  },
  response: {
    201: {
      type: 'object',
      properties: { token: { type: 'string' }, session: { type: 'string' }, expiresAt: { type: 'string' } },
    },
  },
} as const
