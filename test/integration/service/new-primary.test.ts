import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Cluster } from '../../../src/clusters/cluster-state.ts'
import { systemClock } from '../../../src/core/clock.ts'
import { hasCode } from '../../../src/core/errors.ts'
import type { UntypedBindings } from '../../../src/service/bind.ts'
import { bindFrom } from '../../../src/service/bind.ts'
import type { ShardBinding } from '../../../src/service/bindings-document.ts'
import type { DatabaseHandle } from '../../../src/service/handles.ts'
import type { TestBed } from '../clusters/test-bed.ts'
import { createTestBed, until } from '../clusters/test-bed.ts'
import type { Standby } from '../sql/standby.ts'
import { followBy } from '../sql/standby.ts'

let bed: TestBed
let cluster: Cluster
let standby: Standby
let directory: string
let bindings: UntypedBindings

async function publish(shard: ShardBinding): Promise<void> {
  const databases = { orders: { shards: [shard], connectionsMax: 6 } }
  await writeFile(join(directory, 'api.tmp'), JSON.stringify({ layout: 1, service: 'api', databases, services: {} }))
  await rename(join(directory, 'api.tmp'), join(directory, 'api.json'))
}

beforeAll(async () => {
  bed = await createTestBed()
  directory = await mkdtemp(join(tmpdir(), 'tenfold bindings-'))
  cluster = bed.cluster('orders')
  await cluster.start()
  await bed.connect(cluster.url()).query('create table entry (id text primary key)')
  standby = await followBy(bed, cluster, 'follower')
  await publish({ url: cluster.url(), term: 1, replicas: [{ url: standby.url }] })
  bindings = await bindFrom({ TENFOLD_BINDINGS: join(directory, 'api.json') })
})

afterAll(async () => {
  await bindings.close()
  await bed.end()
  await rm(directory, { recursive: true, force: true })
})

test('a service goes on with the primary that its bindings name next, and its reads do not notice', async () => {
  const orders = bindings.databases['orders'] as DatabaseHandle<{ entry: { id: string } }>
  const state = { isOver: false }
  const acknowledged: string[] = []
  const unsure: string[] = []
  const failed: unknown[] = []
  async function write(name: number): Promise<void> {
    for (let count = 0; !state.isOver; count++) {
      const id = `${name}-${count}`
      try {
        await orders.transaction((tx) => tx.db.insertInto('entry').values({ id }).execute())
        acknowledged.push(id)
      } catch (error) {
        if (!hasCode(error, 'TF_COMMIT_INDETERMINATE')) failed.push(error)
        else if ((await orders.committed(error as Error)) === 'committed') acknowledged.push(id)
        else unsure.push(id)
      }
    }
  }
  async function read(): Promise<void> {
    while (!state.isOver) {
      await orders.db
        .selectFrom('entry')
        .select('id')
        .limit(1)
        .execute()
        .catch((error: unknown) => failed.push(error))
    }
  }
  const work = Promise.all([write(0), write(1), write(2), read(), read()])
  await until('some writes', () => acknowledged.length > 50)
  // In order, so that the follower has everything.
  await cluster.stop()
  await standby.promote(2)
  const before = acknowledged.length
  const publishedMs = systemClock.nowMs()
  await publish({ url: standby.url, term: 2 })
  await until('a write on the new primary', () => acknowledged.length > before)
  const gapMs = systemClock.nowMs() - publishedMs
  state.isOver = true
  await work
  expect(failed).toEqual([])
  const kept = new Set((await orders.db.selectFrom('entry').select('id').execute()).map(({ id }) => id))
  expect(acknowledged.filter((id) => !kept.has(id))).toEqual([])
  expect([...kept].filter((id) => !acknowledged.includes(id) && !unsure.includes(id))).toEqual([])
  // Tens of milliseconds where nothing else runs.
  expect(gapMs).toBeLessThan(5_000)
})
