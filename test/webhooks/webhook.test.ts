import { createServer, request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { StatementRunner } from '../../src/topics/topic-database.ts'
import { sign } from '../../src/webhooks/signature.ts'
import { hmacSignature } from '../../src/webhooks/signatures/hmac.ts'
import type { AcceptedDelivery } from '../../src/webhooks/webhook.ts'
import { createWebhook } from '../../src/webhooks/webhook.ts'

/** Notes ids as the inbox does; rolls back what throws. The real one is in test/integration/webhooks. */
function fakeDatabase() {
  let noted: readonly string[] = []
  return {
    async transaction<Result>(work: (tx: StatementRunner) => Promise<Result>): Promise<Result> {
      const before = noted
      const tx: StatementRunner = {
        async query(text, values = []) {
          if (!text.includes('insert')) return { rows: [], rowCount: 0, command: '' }
          const id = JSON.stringify(values)
          const isNew = !noted.includes(id)
          if (isNew) noted = [...noted, id]
          return { rows: [], rowCount: isNew ? 1 : 0, command: '' }
        },
      }
      try {
        return await work(tx)
      } catch (error) {
        noted = before
        throw error
      }
    },
  }
}

const accepted: AcceptedDelivery<StatementRunner>[] = []
let isBroken = false
const webhook = createWebhook({
  name: 'sender',
  signature: hmacSignature({ header: 'x-signature', secrets: 'key' }),
  database: fakeDatabase(),
  bodyMax: 1_000,
  async accept(delivery) {
    if (isBroken) throw new Error('the database of the service is away')
    accepted.push(delivery)
  },
})
const signed = (text: string) => ({
  headers: { 'x-signature': sign('sha256', 'key', text).toString('hex') },
  body: Buffer.from(text),
})

const server = createServer((request, response) => void webhook.handle(request, response))
beforeAll(() => new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve)))
afterAll(() => void server.close())
const url = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}/`

test('an event is accepted once, however often it is delivered, and the sender is told', async () => {
  accepted.length = 0
  const delivery = signed('{"id":"evt_1","cents":5}')
  expect(await webhook.receive(delivery)).toEqual({ status: 200, body: { outcome: 'accepted' } })
  expect(await webhook.receive(delivery)).toEqual({ status: 200, body: { outcome: 'known' } })
  expect(accepted.map(({ id, json }) => [id, json])).toEqual([['evt_1', { id: 'evt_1', cents: 5 }]])
})

test('what could not be accepted is asked for again, and accepted then', async () => {
  accepted.length = 0
  const printed = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  const delivery = signed('{"id":"evt_2"}')
  isBroken = true
  const answer = await webhook.receive(delivery)
  isBroken = false
  expect(answer).toEqual({ status: 503, body: { error: 'it could not be accepted now; deliver it again' } })
  expect(String(printed.mock.calls[0]?.[0])).toMatch('webhook sender: Error: the database of the service is away')
  printed.mockRestore()
  expect(await webhook.receive(delivery)).toMatchObject({ status: 200, body: { outcome: 'accepted' } })
  expect(accepted).toHaveLength(1)
})

test.each([
  ['nobody has signed it', { headers: {}, body: Buffer.from('{"id":"1"}') }, 401],
  ['it is not JSON', signed('{'), 400],
  ['it has no id', signed('{"cents":5}'), 422],
  ['its id is no text', signed('{"id":{}}'), 422],
  ['its id is as long as a book', signed(JSON.stringify({ id: 'x'.repeat(600) })), 422],
  ['it is too large', signed(JSON.stringify({ id: '1', text: 'x'.repeat(1_000) })), 413],
])('a delivery is refused if %s', async (_, delivery, status) => {
  accepted.length = 0
  expect((await webhook.receive(delivery)).status).toBe(status)
  expect(accepted).toEqual([])
})

test('requests of node:http are answered, with the bytes as they came', async () => {
  const text = '{ "id" : "näive \\u00e9" }'
  const answer = await fetch(url(), { method: 'POST', ...signed(text) })
  expect([answer.status, await answer.json()]).toEqual([200, { outcome: 'accepted' }])
  expect(accepted.at(-1)?.id).toBe('näive é')
})

test('a body that never ends is refused when it is too large, and the connection ends', async () => {
  const answer = await new Promise<{ status: number | undefined; connection: string | undefined }>(
    (resolve, reject) => {
      const request = httpRequest(
        url(),
        { method: 'POST', headers: { 'transfer-encoding': 'chunked' } },
        (response) => {
          resolve({ status: response.statusCode, connection: response.headers.connection })
          request.destroy()
        },
      )
      request.on('error', reject)
      request.write('x'.repeat(1_001))
    },
  )
  expect(answer).toEqual({ status: 413, connection: 'close' })
})

test('requests with the types of fetch are answered', async () => {
  const { headers, body } = signed('{"id":"evt_3"}')
  const request = (): Request => new Request('http://localhost/', { method: 'POST', headers, body })
  expect(await (await webhook.fetch(request())).json()).toEqual({ outcome: 'accepted' })
  expect((await webhook.fetch(new Request('http://localhost/', { method: 'POST' }))).status).toBe(401)
  const read = request()
  await read.text()
  await expect(webhook.fetch(read)).rejects.toMatchObject({ code: 'TF_WEBHOOK_BODY_READ' })
})
