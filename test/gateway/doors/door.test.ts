import { once } from 'node:events'
import { createServer } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'
import { systemClock } from '../../../src/core/clock.ts'
import { findFreePort } from '../../../src/core/free-port.ts'
import type { Door } from '../../../src/gateway/doors/door.ts'
import { openDoor } from '../../../src/gateway/doors/door.ts'
import { virtualClock } from '../../../src/testing/virtual-clock.ts'
import { fakeClient, fakePrimary } from './fake-primary.ts'

async function door(options: { clock?: typeof systemClock; connectionsMax?: number; port?: number } = {}) {
  const { clock = systemClock, connectionsMax = 16, port = await findFreePort() } = options
  const said: string[] = []
  const opened: Door = openDoor('orders', port, { clock, connectionsMax, log: (message) => said.push(message) })
  onTestFinished(() => opened.close())
  await opened.tried
  return Object.assign(opened, { said })
}

test('passes bytes both ways, keeps half-open connections so, and passes a lot', async () => {
  await using primary = await fakePrimary('first')
  const opened = await door()
  opened.lead({ port: primary.port, term: 1 })
  const client = fakeClient(opened.port)
  await client.hears('first\n')
  const much = 'x'.repeat(4_000_000)
  client.socket.end(`${much}last`)
  await client.hears('last')
  expect(client.heard()).toBe(`first\n${much}last`)
  await client.closed
  await vi.waitFor(() => expect(opened.connections).toBe(0))
  expect(primary.sockets.size).toBe(0)
})

test('does not take more from a sender than the other side reads', async () => {
  await using primary = await fakePrimary('first')
  const opened = await door()
  opened.lead({ port: primary.port, term: 1 })
  const client = fakeClient(opened.port)
  await client.hears('first\n')
  const [server] = [...primary.sockets]
  server?.unpipe().pause()
  // More than all the buffers of the kernel and of ours together.
  const chunk = Buffer.alloc(1_000_000)
  let isFull = false
  for (let sent = 0; sent < 100 && !isFull; sent++) {
    if (client.socket.write(chunk)) continue
    isFull = !(await Promise.race([once(client.socket, 'drain').then(() => true), later(500)]))
  }
  expect(isFull).toBe(true)
  server?.destroy()
  await client.closed
  await vi.waitFor(() => expect(opened.connections).toBe(0))
})

test('cuts connections of a former term at once, also where the port is the same, and leads to the new one', async () => {
  await using first = await fakePrimary('first')
  await using second = await fakePrimary('second')
  const opened = await door()
  opened.lead({ port: first.port, term: 1 })
  const client = fakeClient(opened.port)
  await client.hears('first')
  // Nothing has changed, or nobody is primary: who is connected stays.
  opened.lead({ port: first.port, term: 1 })
  opened.lead(undefined)
  client.socket.write('still here')
  await client.hears('still here')
  opened.lead({ port: second.port, term: 2 })
  await client.closed
  const next = fakeClient(opened.port)
  await next.hears('second')
  opened.lead({ port: second.port, term: 3 })
  await next.closed
  expect(opened.connections).toBe(0)
})

test('lets clients wait while there is no primary, with what they have said already', async () => {
  await using primary = await fakePrimary('first')
  const opened = await door()
  const client = fakeClient(opened.port)
  client.socket.write('early')
  await vi.waitFor(() => expect(opened.waiting).toBe(1))
  opened.lead({ port: primary.port, term: 1 })
  await client.hears('early')
  expect(opened).toMatchObject({ waiting: 0, connections: 1 })
})

test('lets clients wait for a server that is not listening yet', async () => {
  const port = await findFreePort()
  const opened = await door()
  opened.lead({ port, term: 1 })
  const client = fakeClient(opened.port)
  await vi.waitFor(() => expect(opened.waiting).toBe(1))
  await using _primary = await fakePrimary('restarted', port)
  await client.hears('restarted')
})

test('closes who has waited for five seconds', async () => {
  const clock = virtualClock()
  const opened = await door({ clock })
  const client = fakeClient(opened.port)
  await vi.waitFor(() => expect(opened.waiting).toBe(1))
  await clock.advance('4.9s')
  expect(opened.waiting).toBe(1)
  await clock.advance('0.2s')
  await client.closed
  await vi.waitFor(() => expect(opened.connections).toBe(0))
  expect(clock.pending).toBe(0)
})

test('passes on what a server says last, and its end', async () => {
  await using primary = await fakePrimary('first')
  const opened = await door()
  opened.lead({ port: primary.port, term: 1 })
  const client = fakeClient(opened.port)
  await client.hears('first')
  for (const socket of primary.sockets) socket.unpipe().end('shutting down')
  await client.closed
  expect(client.heard()).toBe('first\nshutting down')
})

test('ends both sides when a server is killed, and when a client is', async () => {
  await using primary = await fakePrimary('first')
  const opened = await door()
  opened.lead({ port: primary.port, term: 1 })
  const [one, two] = [fakeClient(opened.port), fakeClient(opened.port)]
  await Promise.all([one.hears('first'), two.hears('first')])
  one.socket.resetAndDestroy()
  await vi.waitFor(() => expect(primary.sockets.size).toBe(1))
  for (const socket of primary.sockets) socket.resetAndDestroy()
  await two.closed
  await vi.waitFor(() => expect(opened.connections).toBe(0))
})

test('closes one client too many, and says so once', async () => {
  await using primary = await fakePrimary('first')
  const opened = await door({ connectionsMax: 2 })
  opened.lead({ port: primary.port, term: 1 })
  const clients = [fakeClient(opened.port), fakeClient(opened.port)]
  await Promise.all(clients.map((client) => client.hears('first')))
  await fakeClient(opened.port).closed
  await fakeClient(opened.port).closed
  expect(opened.said).toEqual(['a client of orders was closed: 2 are connected, which is the most'])
  clients[0]?.socket.destroy()
  await vi.waitFor(() => expect(opened.connections).toBe(1))
  await fakeClient(opened.port).hears('first')
})

test('tries a port that is in use again', async () => {
  const holder = createServer().listen(0, '127.0.0.1')
  await once(holder, 'listening')
  const { port } = holder.address() as { port: number }
  const clock = virtualClock()
  const opened = await door({ port, clock })
  expect(opened.problem).toContain('EADDRINUSE')
  await clock.advance('1s')
  holder.close()
  await once(holder, 'close')
  await vi.waitFor(async () => {
    await clock.advance('1s')
    expect(opened.problem).toBeUndefined()
  })
  expect(opened.said).toHaveLength(1)
})

test('leaves nothing behind when it is closed', async () => {
  await using primary = await fakePrimary('first')
  const clock = virtualClock()
  const opened = await door({ clock })
  const waiting = fakeClient(opened.port)
  await vi.waitFor(() => expect(opened.waiting).toBe(1))
  opened.lead({ port: primary.port, term: 1 })
  await waiting.hears('first')
  opened.lead(undefined)
  const another = fakeClient(opened.port)
  await vi.waitFor(() => expect(opened.waiting).toBe(1))
  await opened.close()
  await Promise.all([waiting.closed, another.closed])
  await vi.waitFor(() => expect(clock.pending).toBe(0))
  await vi.waitFor(() => expect(primary.sockets.size).toBe(0))
})

async function later(delayMs: number): Promise<false> {
  const { promise, resolve } = Promise.withResolvers<false>()
  systemClock.schedule(delayMs, () => resolve(false))
  return promise
}
