import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Cluster } from '../../../src/clusters/cluster-state.ts'
import type { ServiceAccess } from '../../../src/clusters/service-roles.ts'
import { ACCESS_ROLES } from '../../../src/clusters/service-roles.ts'
import type { DatabaseConnection } from '../../../src/sql/database.ts'
import { createConsumer } from '../../../src/topics/consumer.ts'
import { grantTopics } from '../../../src/topics/logs/postgres/grants.ts'
import { ensureTopic, installLayout } from '../../../src/topics/logs/postgres/layout.ts'
import { maintainLog } from '../../../src/topics/logs/postgres/maintain.ts'
import { createPostgresLog } from '../../../src/topics/logs/postgres/postgres-log.ts'
import { createPublisher } from '../../../src/topics/publisher.ts'
import { createRelay } from '../../../src/topics/outbox-relay.ts'
import type { TopicTransaction } from '../../../src/topics/topic-database.ts'
import type { TestBed } from '../clusters/test-bed.ts'
import { createTestBed, until } from '../clusters/test-bed.ts'

const MAY: Readonly<Record<string, readonly ServiceAccess[]>> = {
  page: ['rows'],
  api: ['publish'],
  relay: ['rows', 'publish', 'consume'],
  mailer: ['rows', 'consume'],
}

let bed: TestBed
let events: Cluster
let orders: Cluster

beforeAll(async () => {
  bed = await createTestBed()
  ;[events, orders] = await Promise.all([clusterWithTopics('events'), clusterWithTopics('orders')])
})

afterAll(() => bed.end())

async function clusterWithTopics(name: string): Promise<Cluster> {
  const cluster = bed.cluster(name)
  await cluster.start()
  const owner = bed.connect(cluster.url(), { connectionsMax: 1 })
  await owner.query('create table mail (to_user int)')
  // Twice, as at each start.
  for (let start = 1; start <= 2; start++) {
    await installLayout(owner)
    await ensureTopic(owner, { name: 'placed', partitions: 2 })
    const { publish: publishers, consume: consumers, rows: others } = ACCESS_ROLES
    await grantTopics(owner, { publishers, consumers, others })
  }
  const admissions = Object.entries(MAY).map(([service, may]) => [service, { connectionsMax: 10, may }] as const)
  await cluster.admit(Object.fromEntries(admissions))
  // A slice that comes later is no other than the first.
  await maintainLog(owner, { sliceMs: 0 })
  await owner.end()
  return cluster
}

function as(service: string, cluster: Cluster = events): DatabaseConnection {
  return bed.connect(cluster.serviceUrl(service), { connectionsMax: 4 })
}

test.each<[service: string, statement: string]>([
  ['api', 'select from mail'],
  ['page', 'select from tenfold_topics.log'],
  ['page', 'select from tenfold_topics.log_1'],
  ['page', 'select from tenfold_topics.inbox'],
  ['api', 'select from tenfold_topics.log'],
  ['api', 'select from tenfold_topics.progress'],
  ['api', 'insert into mail values (1)'],
  ['mailer', 'delete from tenfold_topics.log'],
  ['mailer', 'delete from tenfold_topics.log_1'],
  ['mailer', 'delete from tenfold_topics.log_2'],
  ['mailer', 'delete from tenfold_topics.inbox'],
  ['mailer', 'update tenfold_topics.progress set seq = 1'],
  ['mailer', `insert into tenfold_topics.topic (name, partitions) values ('mine', 1)`],
  ['mailer', 'create table tenfold_topics.mine (a int)'],
])('%s may not %s', async (service, statement) => {
  await expect(as(service).query(statement)).rejects.toMatchObject({ code: '42501' })
})

test('those who publish, relay and consume can do so, and have effects, retries and dead letters', async () => {
  const [there, relay, mailer] = [as('api'), as('relay'), as('mailer')]
  const logs = [as('relay', orders), relay, there, mailer].map((database) => createPostgresLog(database))
  const [outbox, arrival, log, reading] = logs as [
    (typeof logs)[0],
    (typeof logs)[0],
    (typeof logs)[0],
    (typeof logs)[0],
  ]
  const relaying = createRelay({ outbox, log: arrival, database: relay, topic: 'placed' })
  const consumer = createConsumer<{ id: number }, TopicTransaction>({
    log: reading,
    topic: 'placed',
    group: 'mailer',
    effects: mailer,
    retry: { attempts: 2, pause: '1ms' },
    handler: {
      async each({ value }, { transaction }) {
        if (value.id === 3) throw new Error('no such user')
        await transaction.query('insert into mail values ($1)', [value.id])
      },
    },
  })
  await relaying.start()
  await consumer.start()
  await createPublisher({ log, topic: 'placed', key: 'id' }).publish([{ id: 1 }, { id: 3 }])
  await createPublisher({ log: outbox, topic: 'placed', key: 'id' }).publish({ id: 2 })
  const mails = async (): Promise<readonly number[]> =>
    (await mailer.query<{ to_user: number }>('select to_user from mail order by 1')).rows.map((row) => row.to_user)
  await until('the mails', async () => (await mails()).join() === '1,2')
  const letters = await reading.deadLetters('placed', 'mailer')
  await until('a dead letter', async () => (await letters.list()).length === 1)
  expect(await letters.list()).toMatchObject([{ state: 'dead', cause: 'no such user', attempts: 2 }])
  expect(await letters.redrive()).toBe(1)
  await reading.moveGroup('placed', 'mailer', 'beginning')
  await Promise.all([consumer.stop(), relaying.stop()])
  for (const each of logs) await each.end()
  expect(await mails()).toEqual([1, 2])
})
