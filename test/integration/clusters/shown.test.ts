import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { clusterPathsOf, readClusterRecord, writeClusterRecord } from '../../../src/clusters/cluster-record.ts'
import type { Cluster } from '../../../src/clusters/cluster-state.ts'
import type { TestBed } from './test-bed.ts'
import { createTestBed, until } from './test-bed.ts'

let bed: TestBed

beforeAll(async () => {
  bed = await createTestBed()
})

afterAll(() => bed.end())

/** A cluster in which a row is written that its replica shows, and its standby will never get from the primary. */
async function clusterThatHasShown(name: string): Promise<{ cluster: Cluster; standby: number; end(): Promise<void> }> {
  const followers = { count: 2, isSynchronous: true, durability: 'preferred' } as const
  const cluster = bed.cluster(name, { followers })
  await cluster.start()
  await until('two followers', () => cluster.nodes.filter(({ state }) => state === 'ready').length === 3)
  const owner = bed.connect(cluster.url())
  await owner.query('create table note (text text)')
  const [standby, replica] = ['standby', 'replica'].map((role) => cluster.nodes.find((node) => node.role === role)!)
  const onReplica = bed.connect(cluster.adminUrl().replace(`:${cluster.port}/`, `:${replica!.port}/`))
  await until('the table to be on the replica', async () => {
    const { rows } = await onReplica.query<{ isThere: boolean }>(`select to_regclass('note') is not null as "isThere"`)
    return rows[0]?.isThere === true
  })
  // The standby gets nothing more, not even into the buffers of its connection.
  const admin = bed.connect(cluster.adminUrl())
  const { rows: senders } = await admin.query<{ pid: number }>(
    'select pid from pg_stat_replication where application_name = $1',
    [`tenfold_${standby!.id}`],
  )
  process.kill(senders[0]!.pid, 'SIGSTOP')
  const writing = owner.query(`insert into note values ('shown')`).catch(() => undefined)
  await until('the row to be shown', async () => (await onReplica.query('select from note')).rowCount === 1)
  return {
    cluster,
    standby: standby!.id,
    async end() {
      await writing
      await Promise.all([owner, onReplica, admin].map((connection) => connection.end()))
    },
  }
}

async function notesIn(cluster: Cluster): Promise<readonly string[]> {
  const connection = bed.connect(cluster.url())
  const { rows } = await connection.query<{ text: string }>('select text from note')
  await connection.end()
  return rows.map(({ text }) => text)
}

describe('what a replica had shown to its readers, though nobody had acknowledged it,', { timeout: 240_000 }, () => {
  test('is there after a failover', async () => {
    const { cluster, standby, end } = await clusterThatHasShown('failed')
    process.kill(cluster.process!.identity.pid, 'SIGKILL')
    await until('another term', () => cluster.term === 2 && cluster.state.kind === 'ready')
    expect(cluster.nodes.find(({ role }) => role === 'primary')?.id).toBe(standby)
    expect(await notesIn(cluster)).toEqual(['shown'])
    await end()
    await cluster.stop()
  })

  test('is there when the control plane was killed in the middle of the failover', async () => {
    const { cluster, standby, end } = await clusterThatHasShown('interrupted')
    // At once: a shutdown in order would wait for the standby.
    await cluster.stop(0)
    await end()
    const paths = clusterPathsOf(join(bed.directory, 'interrupted'))
    const record = (await readClusterRecord(paths))!
    await writeClusterRecord(paths, { ...record, primary: standby, term: 2, synchronous: undefined })
    await cluster.start()
    expect(cluster.nodes.find(({ role }) => role === 'primary')?.id).toBe(standby)
    expect(await notesIn(cluster)).toEqual(['shown'])
    await until('two followers', () => cluster.nodes.filter(({ state }) => state === 'ready').length === 3)
    await cluster.stop()
  })
})
