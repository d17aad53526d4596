import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import type { Cluster } from '../../../src/clusters/cluster-state.ts'
import { ACCESS_ROLES } from '../../../src/clusters/service-roles.ts'
import { findFreePort } from '../../../src/core/free-port.ts'
import { probe } from '../../../src/fleet/readiness-probe.ts'
import { newTrace } from '../../../src/core/trace-context.ts'
import type { BoundService, UntypedBindings } from '../../../src/service/bind.ts'
import { bindFrom } from '../../../src/service/bind.ts'
import type { BindingsDocument, DatabaseBinding } from '../../../src/service/bindings-document.ts'
import { currentTraceId, traceStorage } from '../../../src/service/current-trace.ts'
import type { TracedWork } from '../../../src/service/traced-work.ts'
import { WORK_CHANNEL } from '../../../src/service/traced-work.ts'
import { grantTopics } from '../../../src/topics/logs/postgres/grants.ts'
import { ensureTopic, installLayout } from '../../../src/topics/logs/postgres/layout.ts'
import { defineSystem } from '../../../src/blueprint/define-system.ts'
import { shape } from '../../../src/blueprint/shape.ts'
import type { TestBed } from '../clusters/test-bed.ts'
import { createTestBed, until } from '../clusters/test-bed.ts'

const system = defineSystem({
  name: 'shop',
  databases: { events: {}, orders: {} },
  topics: {
    placed: { event: shape<{ user: string; cents: number }>(), key: 'user', partitions: 2 },
    checked: { event: shape<{ user: string; cents: number }>(), key: 'user', partitions: 1 },
  },
  services: {
    api: { entry: './api.ts', databases: ['orders'], publishes: ['placed', 'checked'] },
    billing: { entry: './billing.ts', databases: ['orders'], consumes: ['placed', 'checked'] },
  },
})
type System = typeof system

let bed: TestBed
let clusters: Readonly<Record<'events' | 'orders', Cluster>>
let directory: string

beforeAll(async () => {
  bed = await createTestBed()
  directory = await mkdtemp(join(tmpdir(), 'tenfold topics '))
  const [events, orders] = await Promise.all([clusterWithTopics('events'), clusterWithTopics('orders')])
  clusters = { events, orders }
})

afterAll(async () => {
  await bed.end()
  await rm(directory, { recursive: true })
})

async function clusterWithTopics(name: string): Promise<Cluster> {
  const cluster = bed.cluster(name)
  await cluster.start()
  const owner = bed.connect(cluster.url(), { connectionsMax: 1 })
  await owner.query('create table placed_order (user_id text, cents int); create table bill (user_id text, cents int)')
  await installLayout(owner)
  await ensureTopic(owner, { name: 'placed', partitions: 2 })
  await ensureTopic(owner, { name: 'checked', partitions: 1 })
  const { publish: publishers, consume: consumers, rows: others } = ACCESS_ROLES
  await grantTopics(owner, { publishers, consumers, others })
  await owner.end()
  const connectionsMax = 20
  await cluster.admit(
    name === 'events'
      ? { api: { connectionsMax, may: ['publish'] }, billing: { connectionsMax, may: ['consume'] } }
      : {
          api: { connectionsMax, may: ['rows', 'publish', 'consume'] },
          billing: { connectionsMax, may: ['rows', 'consume'] },
        },
  )
  return cluster
}

function bindingTo(name: 'events' | 'orders', service: string): DatabaseBinding {
  return { shards: [{ url: clusters[name].serviceUrl(service), term: 1 }], connectionsMax: 6 }
}

async function bound<Name extends 'api' | 'billing'>(
  service: Name,
  more: Partial<BindingsDocument> = {},
  env: Record<string, string> = {},
): Promise<BoundService<System, Name>> {
  const file = join(directory, `${service}.json`)
  const topic = { key: 'user', database: 'events', hasSchema: false }
  const document: BindingsDocument = {
    layout: 1,
    service,
    databases: { orders: bindingTo('orders', service) },
    services: {},
    [service === 'api' ? 'publishes' : 'consumes']: { placed: topic, checked: topic },
    unlisted: { events: bindingTo('events', service) },
    stopTimeoutMs: 5_000,
    ...more,
  }
  await writeFile(file, JSON.stringify(document))
  const bindings = await bindFrom({ TENFOLD_BINDINGS: file, TENFOLD_SERVICE: service, ...env })
  onTestFinished(() => bindings.close())
  return bindings as UntypedBindings as unknown as BoundService<System, Name>
}

test('publishes with a transaction of another database, and has effects once, in the trace of who published', async () => {
  const works: TracedWork[] = []
  const listen = (work: unknown): void => void works.push(work as TracedWork)
  subscribe(WORK_CHANNEL, listen)
  onTestFinished(() => void unsubscribe(WORK_CHANNEL, listen))
  const [api, billing] = [await bound('api'), await bound('billing')]
  expect(Object.keys(api.databases)).toEqual(['orders'])
  const trace = newTrace(true)
  await traceStorage().run(trace, async () => {
    await api.publishes.placed.publish({ user: 'ann', cents: 1 })
    await api.databases.orders.transaction(async (transaction) => {
      await transaction.query(`insert into placed_order values ('ann', 2)`)
      await api.publishes.placed.publish([{ user: 'ann', cents: 2 }], { transaction, headers: { from: 'web' } })
    })
    const failed = api.databases.orders.transaction(async (transaction) => {
      await api.publishes.placed.publish({ user: 'ann', cents: 3 }, { transaction })
      throw new Error('changed her mind')
    })
    await expect(failed).rejects.toThrow('changed her mind')
  })
  const traces: (string | undefined)[] = []
  await billing.consumes.placed.each(
    async ({ value, headers }, { transaction }) => {
      traces.push(currentTraceId())
      await transaction.query('insert into bill values ($1, $2)', [
        `${value.user}${headers['from'] ?? ''}`,
        value.cents,
      ])
    },
    { effects: billing.databases.orders },
  )
  const bills = async (): Promise<unknown> =>
    (await billing.databases.orders.read().db.selectFrom('bill').selectAll().orderBy('cents').execute()) as unknown
  await until('both bills', async () => ((await bills()) as unknown[]).length >= 2)
  expect(await bills()).toEqual([
    { user_id: 'ann', cents: 1 },
    { user_id: 'annweb', cents: 2 },
  ])
  expect(new Set(traces)).toEqual(new Set([trace.traceId]))
  expect(currentTraceId()).toBeUndefined()
  const published = works.filter(({ kind }) => kind === 'producer')
  expect(published.map(({ name, parentSpanId, isError }) => [name, parentSpanId, isError])).toEqual(
    Array.from({ length: 3 }, () => ['publish placed', trace.spanId, false]),
  )
  const handled = works.filter(({ kind }) => kind === 'consumer')
  expect(handled.map(({ parentSpanId }) => parentSpanId).toSorted()).toEqual(
    published
      .slice(0, 2)
      .map(({ context }) => context.spanId)
      .toSorted(),
  )
})

test('what a process left in an outbox is moved by the next one that publishes, without being asked', async () => {
  const owner = bed.connect(clusters.orders.url(), { connectionsMax: 1 })
  const billing = await bound('billing')
  const seen: number[] = []
  await billing.consumes.checked.each(async ({ value }) => void seen.push(value.cents))
  await owner.query(`
    insert into tenfold_topics.log (slice, topic, partition, message_id, key, payload)
    select 1, id, 0, gen_random_uuid(), 'bob', '{"user":"bob","cents":7}' from tenfold_topics.topic where name = 'checked'`)
  await bound('api')
  await until('the event', () => seen.length > 0)
  expect(seen).toEqual([7])
})

test('a program that is run once leaves nothing in an outbox when it closes', async () => {
  const job = await bound('api')
  await job.databases.orders.transaction(async (transaction) => {
    await job.publishes.checked.publish({ user: 'jim', cents: 9 }, { transaction })
  })
  await job.close()
  const events = bed.connect(clusters.events.url(), { connectionsMax: 1 })
  const { rowCount } = await events.query(`select from tenfold_topics.log where key = 'jim'`)
  expect(rowCount).toBe(1)
})

test('refuses a second handler, a database that it does not have, and events that are none', async () => {
  const [api, billing] = [await bound('api'), await bound('billing')]
  const { checked } = billing.consumes
  await checked.batch(async () => {})
  await expect(checked.each(async () => {})).rejects.toMatchObject({ code: 'TF_USAGE' })
  await expect(billing.consumes.placed.each(async () => {}, { effects: api.databases.orders })).rejects.toMatchObject({
    code: 'TF_OPTION_INVALID',
  })
  await billing.databases.orders.transaction(async (transaction) => {
    await expect(api.publishes.placed.publish({ user: 'x', cents: 1 }, { transaction })).rejects.toMatchObject({
      code: 'TF_OPTION_INVALID',
    })
  })
  await expect(api.publishes.placed.publish({ cents: 1 } as never)).rejects.toMatchObject({ code: 'TF_EVENT_INVALID' })
  await billing.close()
  await expect(billing.consumes.placed.each(async () => {})).rejects.toMatchObject({ code: 'TF_ABORTED' })
})

test('checks events by the schema in the blueprint of its release, at both ends', async () => {
  const blueprint = join(directory, 'tenfold.config.ts')
  const zod = pathToFileURL(join(import.meta.dirname, '../../../node_modules/zod/index.js')).href
  await writeFile(
    blueprint,
    `import { z } from '${zod}'
     const event = z.object({ user: z.string(), cents: z.number().int(), currency: z.string().default('EUR') })
     export default { topics: { checked: { event } } }`,
  )
  const checked = { key: 'user', database: 'events', hasSchema: true }
  const env = { TENFOLD_BLUEPRINT: blueprint }
  const api = await bound('api', { publishes: { checked } }, env)
  const billing = await bound('billing', { consumes: { checked } }, env)
  await expect(api.publishes.checked.publish({ user: 'eve', cents: 0.5 })).rejects.toMatchObject({
    code: 'TF_EVENT_INVALID',
  })
  const seen: unknown[] = []
  await billing.consumes.checked.each(async ({ value }) => void seen.push(value))
  await api.publishes.checked.publish({ user: 'eve', cents: 5 })
  await until('the event', () => seen.some((value) => (value as { user: string }).user === 'eve'))
  expect(seen).toContainEqual({ user: 'eve', cents: 5, currency: 'EUR' })
  await expect(bound('api', { publishes: { checked } })).rejects.toMatchObject({ code: 'TF_SCHEMA_MISSING' })
  const gone = { TENFOLD_BLUEPRINT: join(directory, 'gone.ts') }
  await expect(bound('api', { publishes: { checked } }, gone)).rejects.toMatchObject({ code: 'TF_SCHEMA_MISSING' })
})

test('a worker is ready when it reads its topics, and no more when it leaves', async () => {
  const port = await findFreePort()
  const answers = async (): Promise<boolean> =>
    (await probe({ host: '127.0.0.1', port, health: undefined }, 1_000)).isReady
  const worker = await bound('billing', { isWorker: true }, { PORT: String(port), HOST: '127.0.0.1' })
  expect(await answers()).toBe(false)
  await worker.consumes.placed.each(async () => {})
  await until('the worker', answers)
  await worker.close()
  expect(await answers()).toBe(false)
})
