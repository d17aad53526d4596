import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Cluster } from '../../../src/clusters/cluster-state.ts'
import { clusterPathsOf, readClusterRecord, writeClusterRecord } from '../../../src/clusters/cluster-record.ts'
import type { ClusterOptions, FollowerOptions } from '../../../src/clusters/cluster-options.ts'
import { writeFileDurably } from '../../../src/core/durable-file.ts'
import { findFreePort } from '../../../src/core/free-port.ts'
import { readPostmasterFile } from '../../../src/clusters/postmaster-file.ts'
import { serverArguments } from '../../../src/clusters/server-settings.ts'
import { serversIn } from '../../../src/clusters/orphan-servers.ts'
import type { TestBed } from './test-bed.ts'
import { createTestBed, until } from './test-bed.ts'
import { writeUniqueRows } from './unique-writers.ts'

const SIZE = { sharedBuffersBytes: 32 * 1024 ** 2, connectionsMax: 100 }
const SYNCHRONOUS: FollowerOptions = { count: 1, isSynchronous: true, durability: 'preferred' }
/** Pauses of a busy machine included; what is measured when it is quiet is in the benchmark. */
const GAP_MS_MAX = 10_000

let bed: TestBed

beforeAll(async () => {
  bed = await createTestBed()
})

afterAll(() => bed.end())

function primaryPid(cluster: Cluster): number {
  return cluster.process?.identity.pid ?? 0
}

function isProtected(cluster: Cluster): boolean {
  return (
    cluster.state.kind === 'ready' && cluster.nodes.some(({ role, state }) => role === 'standby' && state === 'ready')
  )
}

async function termsOf(cluster: Cluster): Promise<readonly number[]> {
  const connection = bed.connect(cluster.url())
  const { rows } = await connection.query<{ node: number }>('select node from tenfold.term order by term')
  await connection.end()
  return rows.map(({ node }) => node)
}

/** Stops every process of a node, or lets them go on. */
async function signalServers(cluster: string, node: number, signal: 'SIGSTOP' | 'SIGCONT'): Promise<void> {
  const { data } = clusterPathsOf(join(bed.directory, cluster), node)
  for (const { pid } of await serversIn(data)) process.kill(pid, signal)
}

/** A cluster of this bed whose standby is ready. */
async function protectedCluster(name: string, options: Partial<ClusterOptions> = {}): Promise<Cluster> {
  const cluster = bed.cluster(name, { followers: SYNCHRONOUS, ...options })
  await cluster.start()
  await until('a standby', () => isProtected(cluster))
  return cluster
}

/** Promotes a node behind the back of its cluster, and stops it. */
async function promoteAlone(data: string): Promise<void> {
  const port = await findFreePort()
  const server = await bed.subprocesses.spawn({
    name: 'alone',
    command: bed.binaries.postgres,
    args: serverArguments({ dataDirectory: data, port, socketDirectory: bed.socketDirectory, ...SIZE }),
    env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
    user: bed.user,
    outputFile: join(bed.directory, 'alone.log'),
  })
  await until('a server', async () => (await readPostmasterFile(data))?.status === 'ready')
  const file = join(data, 'promote')
  await writeFileDurably(file, '', { owner: bed.user })
  server.signal('SIGUSR1')
  await until('its promotion', async () => !(await readdir(data)).includes('standby.signal'))
  server.signal('SIGINT')
  await server.exited
}

describe('a cluster with a synchronous standby', { timeout: 240_000 }, () => {
  test('hands over when its primary is killed, loses nothing, and gets the old primary back as its standby', async () => {
    const cluster = await protectedCluster('killed', { zones: ['a', 'b'] })
    expect(cluster.nodes).toMatchObject([
      { id: 1, role: 'primary', state: 'ready', zone: 'a' },
      { id: 2, role: 'standby', state: 'ready', zone: 'b' },
    ])
    expect(cluster.alarm).toBeUndefined()
    await cluster.admit({ web: { connectionsMax: 5 } })
    const [urlBefore, serviceBefore] = [cluster.url(), cluster.serviceUrl('web')]
    expect(cluster.replicaUrls('web')).toHaveLength(1)
    const writers = await writeUniqueRows(bed, cluster)
    await until('some writes', () => writers.acknowledged() > 50)
    process.kill(primaryPid(cluster), 'SIGKILL')
    await until('another term', () => cluster.term === 2)
    await until('a standby again', () => isProtected(cluster))
    const gapMs = writers.gapMs()
    const before = writers.acknowledged()
    await until('more writes', () => writers.acknowledged() > before + 50)
    expect(await writers.end()).toEqual({ lost: 0, duplicated: 0 })
    expect(gapMs).toBeLessThan(GAP_MS_MAX)
    expect(cluster.url()).not.toBe(urlBefore)
    expect(cluster.serviceUrl('web')).not.toBe(serviceBefore)
    expect(await termsOf(cluster)).toEqual([1, 2])
    expect(cluster.failovers).toBe(1)
    const service = bed.connect(cluster.serviceUrl('web'))
    expect((await service.query('select max(term)::int as term from tenfold.term')).rows).toEqual([{ term: 2 }])
    await service.end()
    await cluster.stop()
    // The record decides who is the primary of the next start.
    await cluster.start()
    expect(cluster.nodes.find(({ role }) => role === 'primary')).toMatchObject({ id: 2 })
    expect(cluster.term).toBe(2)
    await cluster.stop()
  })

  test('kills a primary that hangs, back ends and all, before another one takes over', async () => {
    const cluster = await protectedCluster('hanging')
    const writers = await writeUniqueRows(bed, cluster)
    await until('some writes', () => writers.acknowledged() > 50)
    const { data } = clusterPathsOf(join(bed.directory, 'hanging'))
    await signalServers('hanging', 1, 'SIGSTOP')
    const stopped = await serversIn(data)
    await until('an alarm', () => cluster.alarm !== undefined)
    expect(cluster.alarm?.reason).toBe('the primary does not answer')
    await until('another term', () => cluster.term === 2)
    const left = new Set((await serversIn(data)).map(({ pid }) => pid))
    expect(stopped.filter(({ pid }) => left.has(pid))).toEqual([])
    await until('a standby again', () => isProtected(cluster))
    expect(await writers.end()).toEqual({ lost: 0, duplicated: 0 })
    await cluster.stop()
  })

  test('goes on without its standby, says so, and waits for it again when it is back', async () => {
    const cluster = await protectedCluster('relaxed')
    const writers = await writeUniqueRows(bed, cluster)
    await signalServers('relaxed', 2, 'SIGSTOP')
    await until('an alarm', () => cluster.alarm !== undefined)
    expect(cluster.alarm).toMatchObject({
      reason: expect.stringContaining('no standby'),
      sinceEpochMs: expect.any(Number),
    })
    const record = await readClusterRecord(clusterPathsOf(join(bed.directory, 'relaxed')))
    expect(record?.synchronous).toBeUndefined()
    const before = writers.acknowledged()
    await until('writes without a standby', () => writers.acknowledged() > before + 50)
    await signalServers('relaxed', 2, 'SIGCONT')
    await until('a standby again', () => isProtected(cluster) && cluster.alarm === undefined)
    expect(await writers.end()).toEqual({ lost: 0, duplicated: 0 })
    expect(cluster.term).toBe(1)
    await cluster.stop()
  })

  test('lets writes wait for a standby where that is required', async () => {
    const cluster = await protectedCluster('required', { followers: { ...SYNCHRONOUS, durability: 'required' } })
    const connection = bed.connect(cluster.url())
    await connection.query('create table note (text text)')
    await signalServers('required', 2, 'SIGSTOP')
    let isWritten = false
    const writing = connection.query(`insert into note values ('waits')`).then(() => (isWritten = true))
    await until('an alarm', () => cluster.alarm !== undefined)
    expect(isWritten).toBe(false)
    await signalServers('required', 2, 'SIGCONT')
    await writing
    await until('no alarm', () => cluster.alarm === undefined)
    await connection.end()
    await cluster.stop()
  })

  test('switches over without losing anything, and back', async () => {
    const cluster = await protectedCluster('switched')
    const writers = await writeUniqueRows(bed, cluster)
    await until('some writes', () => writers.acknowledged() > 50)
    for (const node of [2, 1]) {
      await cluster.switchover()
      await until('a standby again', () => isProtected(cluster))
      expect(cluster.nodes.find(({ role }) => role === 'primary')?.id).toBe(node)
    }
    expect(await writers.end()).toEqual({ lost: 0, duplicated: 0 })
    expect(await termsOf(cluster)).toEqual([1, 2, 1])
    await cluster.stop()
  })

  test.each([
    ['before', false],
    ['after', true],
  ])('finishes a failover whose control plane was killed %s the promotion', async (when, isPromoted) => {
    const name = `interrupted_${when}`
    const cluster = await protectedCluster(name)
    const writers = await writeUniqueRows(bed, cluster)
    await until('some writes', () => writers.acknowledged() > 10)
    expect(await writers.end()).toEqual({ lost: 0, duplicated: 0 })
    await cluster.stop()
    // As it is on the disk then: the record names the new primary, and only a promotion takes its signal file away.
    const paths = clusterPathsOf(join(bed.directory, name), 2)
    const record = (await readClusterRecord(paths))!
    await writeClusterRecord(paths, { ...record, primary: 2, term: 2, synchronous: undefined })
    if (isPromoted) await promoteAlone(paths.data)
    await cluster.start()
    expect(cluster.term).toBe(2)
    expect(cluster.nodes.find(({ role }) => role === 'primary')).toMatchObject({ id: 2, state: 'ready' })
    await until('a standby again', () => isProtected(cluster))
    expect(await termsOf(cluster)).toEqual([1, 2])
    const connection = bed.connect(cluster.url())
    const { rows } = await connection.query<{ count: number }>('select count(*)::int as count from entry')
    expect(rows[0]?.count).toBeGreaterThanOrEqual(writers.acknowledged())
    await connection.end()
    await cluster.stop()
  })

  test('starts from its standby when the data of its primary is gone, and copies it back', async () => {
    const cluster = await protectedCluster('gone')
    const writers = await writeUniqueRows(bed, cluster)
    await until('some writes', () => writers.acknowledged() > 10)
    expect(await writers.end()).toEqual({ lost: 0, duplicated: 0 })
    await cluster.stop()
    await rm(clusterPathsOf(join(bed.directory, 'gone')).data, { recursive: true })
    await cluster.start()
    expect(cluster.term).toBe(2)
    const connection = bed.connect(cluster.url())
    expect((await connection.query<{ count: number }>('select count(*)::int as count from entry')).rows[0]?.count).toBe(
      writers.acknowledged(),
    )
    await connection.end()
    await until('a standby again', () => isProtected(cluster))
    await cluster.stop()
  })
})

describe('a cluster with replicas', { timeout: 240_000 }, () => {
  test('keeps them through a failover, and a logical slot too', async () => {
    const cluster = await protectedCluster('replicated', { followers: { ...SYNCHRONOUS, count: 2 } })
    await until('two followers', () => cluster.nodes.filter(({ state }) => state === 'ready').length === 3)
    const admin = bed.connect(cluster.adminUrl())
    await admin.query(`select pg_create_logical_replication_slot('changes', 'pgoutput', false, false, true)`)
    await admin.end()
    const standby = cluster.nodes.find(({ role }) => role === 'standby')!
    const onStandby = bed.connect(cluster.adminUrl().replace(`:${cluster.port}/`, `:${standby.port}/`))
    await until('the slot to be on the standby', async () => {
      const { rows } = await onStandby.query<{ ready: boolean }>(
        `select synced and not temporary as ready from pg_replication_slots where slot_name = 'changes'`,
      )
      return rows[0]?.ready === true
    })
    await until('slots for the others on the standby', async () => {
      // Either follower may have become the standby.
      const others = [1, 2, 3].filter((id) => id !== standby.id).map((id) => `tenfold_${id}`)
      const { rows } = await onStandby.query('select from pg_replication_slots where slot_name = any($1)', [others])
      return rows.length === 2
    })
    await onStandby.end()
    process.kill(primaryPid(cluster), 'SIGKILL')
    await until('another term', () => cluster.term === 2)
    await until('two followers again', () => cluster.nodes.filter(({ state }) => state === 'ready').length === 3)
    const after = bed.connect(cluster.adminUrl())
    const { rows } = await after.query(`select slot_name from pg_replication_slots where slot_name = 'changes'`)
    expect(rows).toHaveLength(1)
    await after.end()
    await cluster.stop()
  })

  test('that are asynchronous never take over: the primary is started again', async () => {
    const followers: FollowerOptions = { count: 1, isSynchronous: false, durability: 'preferred' }
    const cluster = bed.cluster('asynchronous', { followers })
    await cluster.start()
    await until('a replica', () => cluster.nodes.every(({ state }) => state === 'ready'))
    const pid = primaryPid(cluster)
    process.kill(pid, 'SIGKILL')
    await until(
      'a primary again',
      () => cluster.state.kind === 'ready' && primaryPid(cluster) !== pid && cluster.process !== undefined,
    )
    expect(cluster.term).toBe(1)
    expect(cluster.nodes.find(({ role }) => role === 'primary')?.id).toBe(1)
    await until('the replica again', () => cluster.nodes.every(({ state }) => state === 'ready'))
    await cluster.switchover()
    expect(cluster.term).toBe(2)
    await cluster.stop()
  })
})
