import { renameSync, writeFileSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createServer as createTcpServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { UntypedBindings } from '../../src/service/bind.ts'
import { bindFrom } from '../../src/service/bind.ts'
import type { DatabaseHandle } from '../../src/service/handles.ts'
import type { BindingsDocument } from '../../src/service/bindings-document.ts'
import { forwarded } from '../../src/service/service-client.ts'
import type { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'
import { temporaryDirectory } from '../fleet/temporary-directory.ts'

interface Stage {
  readonly clock: VirtualClock
  readonly bindings: UntypedBindings
  /** Replaces the document as the fleet does. */
  replace(document: unknown): void
}

const document: BindingsDocument = { layout: 1, service: 'api', databases: {}, services: {} }

async function stage(content: unknown, service = 'api'): Promise<Stage> {
  const file = join(temporaryDirectory(), 'api.json')
  const replace = (next: unknown): void => {
    writeFileSync(`${file}.tmp`, typeof next === 'string' ? next : JSON.stringify(next))
    renameSync(`${file}.tmp`, file)
  }
  replace(content)
  const clock = virtualClock()
  const bindings = await bindFrom({ TENFOLD_BINDINGS: file, TENFOLD_SERVICE: service }, clock)
  onTestFinished(() => bindings.close())
  return { clock, bindings, replace }
}

/** A server that answers with its name, the path and the headers that it got. */
async function greeter(name: string): Promise<string> {
  const server = createServer((request, response) => {
    response.end(`${name} ${request.method} ${request.url} ${request.headers['x-request-id'] ?? '-'}`)
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

describe('bind', () => {
  test('outside tenfold says how to start the service', async () => {
    await expect(bindFrom({})).rejects.toMatchObject({
      code: 'TF_BINDINGS_MISSING',
      hint: expect.stringContaining('tenfold up'),
    })
    await expect(bindFrom({ TENFOLD_BINDINGS: '/nowhere/x.json' })).rejects.toMatchObject({
      code: 'TF_BINDINGS_MISSING',
    })
  })

  test.each<[string, unknown]>([
    ['is no JSON', '{'],
    ['is null', 'null'],
    ['has another layout', { ...document, layout: 2 }],
    ['is for another service', { ...document, service: 'recommender' }],
    ['lacks its parts', { layout: 1, service: 'api' }],
  ])('refuses a document that %s', async (_what, wrong) => {
    await expect(stage(wrong)).rejects.toMatchObject({ code: 'TF_BINDINGS_INVALID' })
  })

  test('gives a sharded database only by its key', async () => {
    const shards = [{ url: 'postgres://a/b' }, { url: 'postgres://a/c' }]
    const { bindings } = await stage({
      ...document,
      databases: { orders: { key: 'user_id', shards, connectionsMax: 1 } },
    })
    const orders = bindings.databases['orders'] as Record<string, unknown>
    expect(orders).toHaveProperty('shard')
    for (const absent of ['db', 'query', 'transaction', 'end']) expect(orders).not.toHaveProperty(absent)
  })

  test('gives the services that are listed, and calls them below their base URL', async () => {
    const url = await greeter('one')
    const { bindings } = await stage({ ...document, services: { recommender: { url: `${url}/recommender` } } })
    expect(Object.keys(bindings.services)).toEqual(['recommender'])
    const answer = await bindings.services['recommender']!.fetch('/top?n=3', { method: 'POST' })
    expect(await answer.text()).toBe('one POST /recommender/top?n=3 -')
    await expect(bindings.services['recommender']!.fetch('http://elsewhere/')).rejects.toMatchObject({
      code: 'TF_USAGE',
    })
  })

  test('passes on the request id and the trace, and nothing else', async () => {
    const url = await greeter('one')
    const { bindings } = await stage({ ...document, services: { recommender: { url } } })
    const incoming = { 'x-request-id': 'r-1', traceparent: '00-1-2-01', cookie: 'secret', host: 'shop' }
    expect(forwarded(incoming)).toEqual({ 'x-request-id': 'r-1', traceparent: '00-1-2-01' })
    const answer = await bindings.services['recommender']!.fetch('/', { headers: forwarded(incoming) })
    expect(await answer.text()).toBe('one GET / r-1')
  })

  test('follows a document that is replaced', async () => {
    const [one, two] = [await greeter('one'), await greeter('two')]
    const { bindings, clock, replace } = await stage({ ...document, services: { recommender: { url: one } } })
    const ask = async (): Promise<string> => (await bindings.services['recommender']!.fetch('/')).text()
    expect(await ask()).toBe('one GET / -')
    replace({ ...document, services: { recommender: { url: two } } })
    await vi.waitFor(async () => {
      await clock.advance('1s')
      expect(await ask()).toBe('two GET / -')
    })
  })

  test('takes the addresses that are true when schemas have been loaded', async () => {
    const directory = temporaryDirectory()
    const [file, blueprint] = [join(directory, 'api.json'), join(directory, 'tenfold.config.mjs')]
    const loading = Promise.withResolvers<void>()
    Object.assign(globalThis, { blueprintIsLoaded: loading.promise })
    writeFileSync(
      blueprint,
      `await globalThis.blueprintIsLoaded
       export default { topics: { placed: { event: { '~standard': { version: 1, validate: (value) => ({ value }) } } } } }`,
    )
    const asked = Promise.withResolvers<string>()
    const databaseAt = async (name: string): Promise<BindingsDocument['databases'][string]> => {
      const server = createTcpServer((socket) => {
        socket.destroy()
        asked.resolve(name)
      })
      await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
      onTestFinished(() => void server.close())
      const { port } = server.address() as AddressInfo
      return { shards: [{ url: `postgres://nobody@127.0.0.1:${port}/none` }], connectionsMax: 1 }
    }
    const publishes = { placed: { key: 'id', database: 'orders', hasSchema: true } }
    const [first, next] = [await databaseAt('first'), await databaseAt('next')]
    writeFileSync(file, JSON.stringify({ ...document, databases: { orders: first }, publishes }))
    const clock = virtualClock()
    const binding = bindFrom({ TENFOLD_BINDINGS: file, TENFOLD_BLUEPRINT: blueprint }, clock)
    await vi.waitFor(() => expect(clock.pending).toBe(1))
    writeFileSync(`${file}.tmp`, JSON.stringify({ ...document, databases: { orders: next }, publishes }))
    renameSync(`${file}.tmp`, file)
    // Turns in which it can look, as it does every second.
    for (let look = 0; look < 50; look++) {
      await clock.advance('1s')
      await stat(file)
    }
    loading.resolve()
    const bindings = await binding
    onTestFinished(() => bindings.close())
    void (bindings.databases['orders'] as DatabaseHandle<unknown>).token().catch(() => undefined)
    expect(await asked.promise).toBe('next')
  })

  test('keeps what it has when a replaced document can not be read, and warns', async () => {
    const one = await greeter('one')
    const { bindings, clock, replace } = await stage({ ...document, services: { recommender: { url: one } } })
    const warnings: string[] = []
    const onWarning = (warning: Error): number => warnings.push(warning.message)
    process.on('warning', onWarning)
    onTestFinished(() => void process.off('warning', onWarning))
    replace('{')
    await vi.waitFor(async () => {
      await clock.advance('1s')
      expect(warnings.join()).toContain('the bindings stay as they were')
    })
    const answer = await bindings.services['recommender']!.fetch('/')
    expect(await answer.text()).toBe('one GET / -')
  })

  test('opens nothing before it is used, and closes twice', async () => {
    const databases = { orders: { shards: [{ url: 'postgres://nobody@127.0.0.1:1/none' }], connectionsMax: 2 } }
    const { bindings, clock } = await stage({ ...document, databases })
    expect(Object.keys(bindings.databases)).toEqual(['orders'])
    await bindings.close()
    await bindings.close()
    expect(clock.pending).toBe(0)
  })
})
