import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { checkBlueprint } from '../../../src/blueprint/check.ts'
import { defineSystem } from '../../../src/blueprint/define-system.ts'
import type { ResolvedBlueprint } from '../../../src/blueprint/resolved-blueprint.ts'
import { shape } from '../../../src/blueprint/shape.ts'
import type { Cluster } from '../../../src/clusters/cluster-state.ts'
import { newTrace } from '../../../src/core/trace-context.ts'
import { messagingTablesOf } from '../../../src/runtime/messaging-tables.ts'
import { admissionsTo, bindingsOf } from '../../../src/runtime/service-bindings.ts'
import { setUpMessaging } from '../../../src/runtime/set-up-messaging.ts'
import type { BoundService } from '../../../src/service/bind.ts'
import { bindFrom } from '../../../src/service/bind.ts'
import { currentTraceId, traceStorage } from '../../../src/service/current-trace.ts'
import type { DatabaseConnection } from '../../../src/sql/database.ts'
import type { TestBed } from '../clusters/test-bed.ts'
import { createTestBed, until } from '../clusters/test-bed.ts'

interface Tables {
  note: { who: string; text: string }
}
const system = defineSystem({
  name: 'shop',
  databases: { work: { tables: shape<Tables>() }, orders: { tables: shape<Tables>() } },
  queues: { emails: { item: shape<{ to: string }>(), concurrencyPerKey: 1 } },
  services: {
    api: { command: 'node api.js', databases: ['orders'], enqueues: ['emails'] },
    mailer: { command: 'node mailer.js', databases: ['work'], works: ['emails'] },
    auditor: { command: 'node auditor.js', databases: ['orders'], works: ['emails'] },
    page: { command: 'node page.js', databases: ['work'] },
  },
})
type System = typeof system

const NOTHING_OUTSIDE = { urlOf: async () => '', groupsOf: () => [], notice: () => undefined }

let bed: TestBed
let directory: string
let blueprint: ResolvedBlueprint
let clusters: Readonly<Record<string, Cluster>>

/** As the runtime does it: tables, roles and bindings come from the blueprint. */
beforeAll(async () => {
  bed = await createTestBed()
  directory = await mkdtemp(join(tmpdir(), 'tenfold queues '))
  blueprint = checkBlueprint(system, { file: join(directory, 'tenfold.config.ts') })
  const started = Object.keys(blueprint.databases).map(async (name) => {
    const cluster = bed.cluster(name)
    await cluster.start()
    await bed.connect(cluster.url(), { connectionsMax: 1 }).query('create table note (who text, text text)')
    const tables = messagingTablesOf(blueprint, name)!
    await setUpMessaging(blueprint.databases[name]!, cluster.url(), tables, NOTHING_OUTSIDE)
    await setUpMessaging(blueprint.databases[name]!, cluster.url(), tables, NOTHING_OUTSIDE)
    await cluster.admit(admissionsTo(blueprint, name))
    return [name, cluster] as const
  })
  clusters = Object.fromEntries(await Promise.all(started))
})

afterAll(async () => {
  await bed.end()
  await rm(directory, { recursive: true })
})

async function bound<Name extends 'api' | 'mailer' | 'auditor'>(
  service: Name,
  env: Record<string, string> = { PORT: '0' },
): Promise<BoundService<System, Name>> {
  const document = bindingsOf(service, blueprint, {
    database: (name) => [{ url: clusters[name]!.serviceUrl(service), term: 1 }],
    internalUrl: 'http://127.0.0.1:1',
  })
  const file = join(directory, `${service}.json`)
  await writeFile(file, JSON.stringify(document))
  const bindings = await bindFrom({ TENFOLD_BINDINGS: file, TENFOLD_SERVICE: service, ...env })
  onTestFinished(() => bindings.close())
  return bindings as unknown as BoundService<System, Name>
}

const owners = new Map<string, DatabaseConnection>()

function owner(database: string): DatabaseConnection {
  const known = owners.get(database) ?? bed.connect(clusters[database]!.url(), { connectionsMax: 1 })
  owners.set(database, known)
  return known
}

async function notes(database: string): Promise<readonly string[]> {
  const { rows } = await owner(database).query<{ who: string }>('select who from note order by who')
  return rows.map(({ who }) => who)
}

test('items are put in with a transaction of any database, done once, in the trace of who put them in', async () => {
  const [api, mailer] = [await bound('api'), await bound('mailer')]
  const trace = newTrace(true)
  await traceStorage().run(trace, async () => {
    await api.enqueues.emails.enqueue({ to: 'ann' })
    const outcome = await api.databases.orders.transaction(async (transaction) => {
      await transaction.query(`insert into note values ('order', '')`)
      return api.enqueues.emails.enqueue({ to: 'bob' }, { transaction, priority: 'high' })
    })
    expect(outcome).toMatchObject({ isDuplicate: false })
    const failed = api.databases.orders.transaction(async (transaction) => {
      await api.enqueues.emails.enqueueMany([{ item: { to: 'eve' } }], { transaction })
      throw new Error('changed her mind')
    })
    await expect(failed).rejects.toThrow('changed her mind')
  })
  const traces: (string | undefined)[] = []
  await mailer.works.emails.each(
    async ({ value, attempt }, { transaction }) => {
      traces.push(currentTraceId())
      await transaction.query('insert into note values ($1, $2)', [value.to, ''])
      if (attempt === 1) throw new Error('once more')
    },
    { effects: mailer.databases.work, retry: { pause: '10ms' } },
  )
  await until('both mails', async () => (await notes('work')).length === 2)
  expect(await notes('work')).toEqual(['ann', 'bob'])
  expect(new Set(traces)).toEqual(new Set([trace.traceId]))
  await mailer.close()
})

test('an item that a process left in an outbox is moved by the next one, and its effects may be elsewhere', async () => {
  const first = await bound('api', { PORT: '1' })
  await first.databases.orders.transaction(async (transaction) => {
    await first.enqueues.emails.enqueue({ to: 'zoe' }, { transaction, delay: '1s' })
  })
  await first.close()
  const [, auditor] = [await bound('api'), await bound('auditor')]
  await auditor.works.emails.batch(
    async (items, { transaction }) => {
      for (const { value } of items) await transaction.query('insert into note values ($1, $2)', [value.to, ''])
    },
    { effects: auditor.databases.orders },
  )
  await until('the mail', async () => (await notes('orders')).includes('zoe'))
  expect(await notes('orders')).toEqual(['order', 'zoe'])
  const { rows } = await owner('orders').query('select name from tenfold_queues.queue')
  expect(rows).toEqual([{ name: 'outbox/emails' }])
})

test('a program that is run once leaves nothing in an outbox when it closes', async () => {
  const job = await bound('api')
  await job.databases.orders.transaction(async (transaction) => {
    await job.enqueues.emails.enqueue({ to: 'jim' }, { transaction, delay: '1h' })
  })
  await job.close()
  const [outbox, queue] = ['orders', 'work'].map((database) =>
    owner(database).query(`select from tenfold_queues.waiting where payload like '%jim%'`),
  )
  expect([(await outbox)?.rowCount, (await queue)?.rowCount]).toEqual([0, 1])
})

test('an item can be taken out wherever it is', async () => {
  const api = await bound('api')
  const [there, here] = await api.databases.orders.transaction(async (transaction) => [
    await api.enqueues.emails.enqueue({ to: 'x' }, { transaction, delay: '1h' }),
    await api.enqueues.emails.enqueue({ to: 'y' }, { delay: '1h' }),
  ])
  expect(await api.enqueues.emails.cancel(here!.itemId)).toBe('cancelled')
  await until('it to be cancelled', async () => (await api.enqueues.emails.cancel(there!.itemId)) === 'cancelled')
  expect(await api.enqueues.emails.cancel(there!.itemId)).toBe('gone')
})

test.each<[service: string, statement: string]>([
  ['page', 'select from tenfold_queues.waiting'],
  ['page', 'select from tenfold_queues.queue'],
  ['api', 'select from note'],
  ['api', 'select from tenfold_topics.log'],
  ['api', `insert into tenfold_queues.queue (name) values ('mine')`],
  ['mailer', 'truncate tenfold_queues.waiting'],
  ['mailer', 'drop table tenfold_queues.waiting'],
])('%s may not %s', async (service, statement) => {
  const connection = bed.connect(clusters['work']!.serviceUrl(service), { connectionsMax: 1 })
  await expect(connection.query(statement)).rejects.toMatchObject({ code: '42501' })
})
