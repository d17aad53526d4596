import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createPostgresLog } from '../../../src/topics/logs/postgres/postgres-log.ts'
import { createPublisher } from '../../../src/topics/publisher.ts'
import { sign } from '../../../src/webhooks/signature.ts'
import { stripeSignature } from '../../../src/webhooks/signatures/stripe.ts'
import { createWebhook } from '../../../src/webhooks/webhook.ts'
import type { TestLog, TopicsBed } from '../topics/topics-bed.ts'
import { createTopicsBed } from '../topics/topics-bed.ts'

let bed: TopicsBed
let log: TestLog

beforeAll(async () => {
  bed = await createTopicsBed()
  log = await bed.log()
})

afterAll(() => bed.end())

test('an event that is delivered many times at once is published once, also if its first tries fail', async () => {
  const { name: topic } = await log.topic()
  const events = createPostgresLog(log.database)
  const publisher = createPublisher<{ id: string }>({ log: events, topic })
  const nowMs = 1_800_000_000_000
  let calls = 0
  const webhook = createWebhook({
    name: 'stripe',
    signature: stripeSignature('whsec_test'),
    database: log.database,
    clock: { epochMs: () => nowMs, nowMs: () => 0, schedule: () => () => {}, every: () => () => {} },
    async accept({ json, transaction }) {
      await publisher.publish(json as { id: string }, { transaction })
      // After the event is written: only the end of the transaction takes it back.
      if (++calls % 3 === 1) throw new Error('killed')
    },
  })
  const deliver = async (id: string): Promise<string> => {
    const body = JSON.stringify({ id })
    const signature = sign('sha256', 'whsec_test', `${nowMs / 1_000}.${body}`).toString('hex')
    const headers = { 'stripe-signature': `t=${nowMs / 1_000},v1=${signature}` }
    const answer = await webhook.receive({ headers, body: Buffer.from(body) })
    return 'outcome' in answer.body ? answer.body.outcome : String(answer.status)
  }
  const ids = Array.from({ length: 10 }, (_, n) => `evt_${n}`)
  const printed = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  // A sender goes on until it is told that all is well.
  const outcomes: string[] = []
  const untilTaken = async (id: string): Promise<void> => {
    const outcome = await deliver(id)
    outcomes.push(outcome)
    if (outcome === '503') await untilTaken(id)
  }
  await Promise.all(ids.flatMap((id) => Array.from({ length: 6 }, () => untilTaken(id))))
  printed.mockRestore()

  const { rows } = await log.database.query<{ id: string; times: number }>(
    `select payload::json ->> 'id' as id, count(*)::int as times from tenfold_topics.log group by 1 order by 1`,
  )
  expect(rows).toEqual(ids.map((id) => ({ id, times: 1 })))
  expect(outcomes.filter((outcome) => outcome === 'accepted')).toHaveLength(10)
  expect(outcomes.filter((outcome) => outcome === 'known')).toHaveLength(50)
  expect(outcomes).toContain('503')
  await events.end()
})
