import { spawn } from 'node:child_process'
import { chmod, chown, mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ProcessIdentity } from '../../../src/core/process-identity.ts'
import { identifyProcess, isRunning, signalProcess } from '../../../src/core/process-identity.ts'
import { uniqueId } from '../../../src/core/random.ts'
import { createSubprocesses } from '../../../src/core/subprocesses.ts'
import type { TestBed } from './test-bed.ts'
import { createTestBed, stateLog, until } from './test-bed.ts'

let bed: TestBed

beforeAll(async () => {
  bed = await createTestBed()
})

afterAll(() => bed.end())

async function addRow(url: string): Promise<void> {
  const connection = bed.connect(url)
  await connection.query('create table if not exists note (text text)')
  await connection.query(`insert into note values ('kept')`)
  await connection.end()
}

async function countRows(url: string): Promise<number> {
  const connection = bed.connect(url)
  const { rows } = await connection.query<{ count: number }>('select count(*)::int as count from note')
  await connection.end()
  return rows[0]?.count ?? 0
}

describe('a cluster', () => {
  test('starts twice in parallel with others, each with its own data, and keeps them over a restart', async () => {
    const clusters = [bed.cluster('a'), bed.cluster('b')]
    await Promise.all(clusters.map((cluster) => cluster.start()))
    for (const cluster of clusters) await addRow(cluster.url())
    const urls = clusters.map((cluster) => cluster.url())
    await Promise.all(clusters.map((cluster) => cluster.stop()))
    await Promise.all(clusters.map((cluster) => cluster.start()))
    expect(clusters.map((cluster) => cluster.url())).toEqual(urls)
    expect(await Promise.all(urls.map(countRows))).toEqual([1, 1])
    await Promise.all(clusters.map((cluster) => cluster.stop()))
  })

  test('gives services a role that owns the database and nothing more', async () => {
    const cluster = bed.cluster('roles')
    await cluster.start()
    const service = bed.connect(cluster.url())
    const { rows } = await service.query(
      `select current_user as name, rolsuper as super, rolcreaterole as creates, current_database() as database
         from pg_roles where rolname = current_user`,
    )
    expect(rows).toEqual([{ name: 'roles', super: false, creates: false, database: 'roles' }])
    const admin = bed.connect(cluster.adminUrl())
    const settings = await admin.query<Record<string, string>>(
      `select current_user as name, current_setting('data_checksums') as checksums, current_setting('wal_level') as wal,
              current_setting('server_encoding') as encoding, datlocprovider as provider, datlocale as locale
         from pg_database where datname = current_database()`,
    )
    expect(settings.rows).toEqual([
      { name: 'postgres', checksums: 'on', wal: 'logical', encoding: 'UTF8', provider: 'b', locale: 'C.UTF-8' },
    ])
    await expect(bed.connect(cluster.url().replace(/:[^:@]+@/, ':wrong@')).query('select 1')).rejects.toMatchObject({
      code: 'TF_DATABASE_UNREACHABLE',
    })
    await service.end()
    await admin.end()
    await cluster.stop()
  })

  test('keeps its passwords and data to itself', async () => {
    const cluster = bed.cluster('modes')
    await cluster.start()
    const modeOf = async (path: string): Promise<number> =>
      (await stat(join(bed.directory, 'modes', path))).mode & 0o777
    expect(await modeOf('cluster.json')).toBe(0o600)
    expect(await modeOf('data')).toBe(0o700)
    const log = await readFile(join(bed.directory, 'modes.log'), 'utf8')
    const { password } = new URL(cluster.url())
    expect(log).not.toContain(password)
    await cluster.stop()
  })

  test('recovers after its server was killed, at the same address, with all that was committed', async () => {
    const log = stateLog()
    const cluster = bed.cluster('killed', log)
    await cluster.start()
    await addRow(cluster.url())
    const url = cluster.url()
    process.kill(cluster.process?.identity.pid ?? 0, 'SIGKILL')
    await until('the cluster to back off', () => cluster.state.kind !== 'ready')
    await until('the cluster to be ready again', () => cluster.state.kind === 'ready')
    expect(cluster.url()).toBe(url)
    expect(await countRows(url)).toBe(1)
    expect(log.kinds.slice(log.kinds.indexOf('ready'))).toEqual(['ready', 'backing-off', 'recovering', 'ready'])
    await cluster.stop()
    expect(log.kinds.slice(-2)).toEqual(['stopping', 'stopped'])
  })

  test('refuses a second start of the same directory, and goes on', async () => {
    const cluster = bed.cluster('once')
    await cluster.start()
    await expect(bed.cluster('once').start()).rejects.toMatchObject({ code: 'TF_ALREADY_RUNNING' })
    await expect(cluster.start()).rejects.toMatchObject({ code: 'TF_ALREADY_RUNNING' })
    await addRow(cluster.url())
    await cluster.stop()
  })

  test('stops while sessions are in the middle of work', async () => {
    const cluster = bed.cluster('busy')
    await cluster.start()
    const connection = bed.connect(cluster.url(), { acquireTimeout: '100ms' })
    const sleeping = connection.query('select pg_sleep(60)').catch((error: unknown) => error)
    await until('the statement to run', () => connection.stats().busy === 1)
    await cluster.stop()
    expect(await sleeping).toMatchObject({ code: expect.stringMatching(/TF_CONNECTION_LOST|TF_DATABASE_UNREACHABLE/) })
  })

  test('says that its port is taken, and by what the server said', async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as { port: number }
    await expect(bed.cluster('taken', { port }).start()).rejects.toMatchObject({
      code: 'TF_PORT_TAKEN',
      message: expect.stringContaining('Address already in use'),
    })
    server.close()
    expect(bed.subprocesses.list()).toEqual([])
  })
})

describe('a directory of data', () => {
  test('of another major version is refused and left as it is', async () => {
    const cluster = bed.cluster('old')
    await cluster.start()
    await cluster.stop()
    const file = join(bed.directory, 'old', 'data', 'PG_VERSION')
    await writeFile(file, '17\n')
    await expect(cluster.start()).rejects.toMatchObject({
      code: 'TF_POSTGRES_VERSION',
      hint: expect.stringContaining('dump'),
    })
    expect(cluster.state.kind).toBe('failed')
    await writeFile(file, '18\n')
    await cluster.start()
    await cluster.stop()
  })

  test('that is gone is never replaced by an empty one', async () => {
    const cluster = bed.cluster('gone')
    await cluster.start()
    await cluster.stop()
    await rm(join(bed.directory, 'gone', 'data'), { recursive: true })
    await expect(cluster.start()).rejects.toMatchObject({ code: 'TF_CLUSTER_DATA_INVALID' })
  })

  test('of another cluster is refused', async () => {
    const cluster = bed.cluster('mixed')
    await cluster.start()
    await cluster.stop()
    const file = join(bed.directory, 'mixed', 'cluster.json')
    const record = JSON.parse(await readFile(file, 'utf8')) as Record<string, unknown>
    await writeFile(file, JSON.stringify({ ...record, systemIdentifier: '1' }))
    await expect(cluster.start()).rejects.toMatchObject({ code: 'TF_CLUSTER_DATA_INVALID' })
  })

  test('that something else lies in is refused and left as it is', async () => {
    await mkdir(join(bed.directory, 'other', 'data'), { recursive: true })
    await writeFile(join(bed.directory, 'other', 'data', 'thesis.txt'), 'years of work')
    await expect(bed.cluster('other').start()).rejects.toMatchObject({ code: 'TF_CLUSTER_DATA_INVALID' })
    expect(await readdir(join(bed.directory, 'other', 'data'))).toEqual(['thesis.txt'])
  })

  test('whose postmaster.pid names a stranger starts, and the stranger lives', async () => {
    const stranger = spawn(
      'sleep',
      ['60'],
      bed.user === undefined ? {} : { uid: bed.user.uid, gid: bed.user.gid, cwd: '/' },
    )
    const cluster = bed.cluster('stale')
    await cluster.start()
    await cluster.stop()
    const data = join(bed.directory, 'stale', 'data')
    const file = join(data, 'postmaster.pid')
    await writeFile(file, `${stranger.pid}\n${data}\n1764000000\n5432\n/tmp\n127.0.0.1\n 1 2\nready   \n`)
    if (bed.user !== undefined) await chown(file, bed.user.uid, bed.user.gid)
    await cluster.start()
    expect(identifyProcess(stranger.pid ?? 0)).toBeDefined()
    await cluster.stop()
    stranger.kill('SIGKILL')
  })
})

describe('initdb', () => {
  test('that was killed leaves nothing that is mistaken for data', async () => {
    const cluster = bed.cluster('fresh', { template: undefined })
    const starting = cluster.start().catch((error: unknown) => error)
    const initdb = async (): Promise<number | undefined> =>
      bed.subprocesses.list().find(({ name }) => name === 'fresh-initdb')?.identity.pid
    await until('initdb to write', async () => {
      const entries = await readdir(join(bed.directory, 'fresh')).catch(() => [] as string[])
      const unfinished = entries.find((entry) => /^data\.new\.\w+$/.test(entry))
      if (unfinished === undefined) return false
      return (await readdir(join(bed.directory, 'fresh', unfinished))).includes('base')
    })
    process.kill((await initdb()) ?? 0, 'SIGKILL')
    expect(await starting).toMatchObject({ code: 'TF_CLUSTER_START_FAILED' })
    await mkdir(join(bed.directory, 'fresh', 'data.new.leftover'))
    await cluster.start()
    await addRow(cluster.url())
    const entries = await readdir(join(bed.directory, 'fresh'))
    expect(entries.filter((entry) => entry.startsWith('data'))).toEqual(['data'])
    await cluster.stop()
  })
})

describe('a server whose control plane was killed', () => {
  /** A directory with a server in it that nobody looks after, and a row in its database. */
  async function abandoned(): Promise<{ directory: string; dataDirectory: string; server: ProcessIdentity }> {
    const directory = await mkdtemp(join(bed.directory, 'abandoned-'))
    await chmod(directory, 0o711)
    const script = fileURLToPath(new URL('./abandon-cluster.ts', import.meta.url))
    const args = [
      '--conditions=tenfold-source',
      script,
      directory,
      bed.socketDirectory,
      join(bed.directory, 'binaries'),
    ]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
    await new Promise((resolve) => child.once('close', resolve))
    const [pid = 0, url = ''] = output.trim().split(' ')
    const server = identifyProcess(Number(pid))
    expect(server).toBeDefined()
    await addRow(url)
    return { directory, dataDirectory: join(directory, 'orders'), server: server! }
  }

  test('is shut down before a start that knows nothing of it, which finds all that was committed', async () => {
    const { dataDirectory, server } = await abandoned()
    const cluster = bed.cluster('orders', { dataDirectory })
    await cluster.start()
    expect(isRunning(server)).toBe(false)
    expect(await countRows(cluster.url())).toBe(1)
    await cluster.stop()
  })

  test('is adopted by a start that has its record: sessions go on, and it is watched and stopped as ever', async () => {
    const { directory, dataDirectory, server } = await abandoned()
    const subprocesses = await createSubprocesses({
      recordFile: join(directory, 'abandoned.json'),
      runToken: uniqueId(),
      isEphemeral: false,
    })
    const { kinds, onState } = stateLog()
    const cluster = bed.cluster('orders', { dataDirectory, subprocesses, onState })
    await cluster.start()
    expect(cluster.process?.identity).toEqual(server)
    expect(await countRows(cluster.url())).toBe(1)
    signalProcess(server, 'SIGKILL')
    await until('a restart', () => cluster.state.kind === 'ready' && cluster.process?.identity.pid !== server.pid)
    expect(kinds).toEqual(expect.arrayContaining(['backing-off', 'recovering', 'ready']))
    expect(await countRows(cluster.url())).toBe(1)
    await cluster.stop()
    expect(await subprocesses.endLeftovers()).toEqual([])
  })

  test('is ended where other settings are wanted', async () => {
    const { directory, dataDirectory, server } = await abandoned()
    const recordFile = join(directory, 'abandoned.json')
    const subprocesses = await createSubprocesses({ recordFile, runToken: uniqueId(), isEphemeral: false })
    const cluster = bed.cluster('orders', { dataDirectory, subprocesses, connectionsMax: 50 })
    await cluster.start()
    expect(isRunning(server)).toBe(false)
    expect(await countRows(cluster.url())).toBe(1)
    await cluster.stop()
  })
})
