import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Cluster } from '../../../src/clusters/cluster-state.ts'
import type { SeedOptions } from '../../../src/clusters/seed.ts'
import { runSeeds } from '../../../src/clusters/seed.ts'
import type { ChildUser } from '../../../src/core/child-user.ts'
import { canAccess } from '../../../src/core/child-user.ts'
import type { DatabaseConnection } from '../../../src/sql/database.ts'
import type { TestBed } from './test-bed.ts'
import { createTestBed, until } from './test-bed.ts'

let bed: TestBed
let cluster: Cluster
let connection: DatabaseConnection
let user: ChildUser | undefined

beforeAll(async () => {
  bed = await createTestBed()
  cluster = bed.cluster('orders')
  await cluster.start()
  connection = bed.connect(cluster.url())
  await connection.query('create table item (id int, text text, document jsonb, tags text[], at timestamptz)')
  user = await seedUser()
})

afterAll(() => bed.end())

/** The product hands over copies that the unprivileged user can read; here only a readable checkout can be tested so. */
async function seedUser(): Promise<ChildUser | undefined> {
  const program = fileURLToPath(new URL('../../../src/clusters/seed-process.ts', import.meta.url))
  const isReadable =
    (await canAccess(bed.user, program, 'read')) && (await canAccess(bed.user, process.execPath, 'execute'))
  return isReadable ? bed.user : undefined
}

async function seedFile(name: string, body: string): Promise<string> {
  const directory = join(bed.directory, 'seeds')
  await mkdir(directory, { recursive: true })
  await chmod(directory, 0o755)
  const file = join(directory, `${name}.ts`)
  await writeFile(file, `export async function seed(context: any) {\n${body}\n}\n`)
  await chmod(file, 0o644)
  return file
}

async function run(name: string, body: string, more: Partial<SeedOptions> = {}): Promise<number> {
  return runSeeds({
    database: 'orders',
    url: cluster.url(),
    seeds: [{ key: name, file: await seedFile(name, body) }],
    subprocesses: bed.subprocesses,
    user,
    logFile: join(bed.directory, 'seed.log'),
    ...more,
  })
}

async function count(where: string): Promise<number> {
  const { rows } = await connection.query<{ n: number }>(`select count(*)::int as n from item where ${where}`)
  return rows[0]?.n ?? 0
}

describe('a seed', () => {
  test('runs once, says how far it is, and writes what PostgreSQL reads back', async () => {
    const said: string[] = []
    const body = String.raw`
      const rows = [[1, 'a\tb\n\\N', { deep: ['"', null] }, ['x,"y"', null], new Date(0)], [2, null, null, null, null]]
      context.progress('copying ' + (await context.copy('item', ['id', 'text', 'document', 'tags', 'at'], rows)))`
    const onProgress = ({ message }: { message: string }): void => void said.push(message)
    expect(await run('first', body, { onProgress })).toBe(1)
    expect(said).toEqual(['copying 2'])
    const { rows } = await connection.query('select * from item order by id')
    expect(rows).toEqual([
      { id: 1, text: 'a\tb\n\\N', document: { deep: ['"', null] }, tags: ['x,"y"', null], at: new Date(0) },
      { id: 2, text: null, document: null, tags: null, at: null },
    ])
    expect(await run('first', body)).toBe(0)
    expect(await count('true')).toBe(2)
  })

  test('has the same chance on every machine', async () => {
    await run('chance', `await context.copy('item', ['id', 'text'], [[context.random.integer(1e9), 'chance']])`)
    const { rows } = await connection.query(`select id from item where text = 'chance'`)
    expect(rows).toEqual([{ id: 423_833_280 }])
  })

  test('that throws leaves nothing and says why', async () => {
    const body = `await context.copy('item', ['id', 'text'], [[9, 'thrown']]); throw new Error('no recipe book')`
    await expect(run('throws', body)).rejects.toMatchObject({
      code: 'TF_SEED_FAILED',
      message: 'expected seed throws to end, but: no recipe book',
    })
    expect(await count(`text = 'thrown'`)).toBe(0)
  })

  test.each([
    ['a row that the server refuses', `[[1], ['x']]`, /COPY item, line 2, column id/],
    ['a row of another length', `[[1], [1, 2]]`, /expected 1 values in row 2 for item, got 2/],
    ['a value that is none', `[[undefined]]`, /expected a value for column id, got undefined/],
  ])('that writes %s leaves nothing and says which', async (_, rows, message) => {
    await expect(run('refused', `await context.copy('item', ['id'], ${rows})`)).rejects.toMatchObject({
      code: 'TF_SEED_FAILED',
      message: expect.stringMatching(message),
    })
    expect(await count('id = 1 and text is null')).toBe(0)
  })

  test('that names a column wrongly is told what it meant', async () => {
    await expect(run('column', `await context.copy('item', ['documnt'], [])`)).rejects.toMatchObject({
      message: expect.stringContaining('did you mean document?'),
    })
  })

  test('that swallows an error is not taken for done', async () => {
    await expect(run('swallows', `await context.execute('select 1/0').catch(() => {})`)).rejects.toMatchObject({
      code: 'TF_SEED_FAILED',
    })
  })

  test('that exports nothing useful is refused', async () => {
    const file = await seedFile('exports-nothing', '')
    await writeFile(file, 'export const nothing = 1')
    await expect(run('empty', '', { seeds: [{ key: 'empty', file }] })).rejects.toMatchObject({
      code: 'TF_SEED_FAILED',
      hint: expect.stringContaining('export async function seed'),
    })
  })

  test('whose process is killed in the middle leaves nothing, and runs again', async () => {
    const body = `
      function* rows() { for (let i = 0; i < 200_000; i++) yield [i, 'killed'] }
      await context.copy('item', ['id', 'text'], rows())
      context.progress('half')
      if (!(await import('node:fs')).existsSync('${bed.directory}/go')) await new Promise((r) => setTimeout(r, 60_000))`
    const half = Promise.withResolvers<void>()
    const running = run('killed', body, { onProgress: () => half.resolve() }).catch((error: unknown) => error)
    await half.promise
    const child = bed.subprocesses.list().find(({ name }) => name === 'orders-seed')
    process.kill(child?.identity.pid ?? 0, 'SIGKILL')
    expect(await running).toMatchObject({ code: 'TF_SEED_FAILED' })
    expect(await count(`text = 'killed'`)).toBe(0)
    await writeFile(join(bed.directory, 'go'), '')
    expect(await run('killed', body)).toBe(1)
    expect(await count(`text = 'killed'`)).toBe(200_000)
  })

  test('that is cancelled leaves nothing and no process', async () => {
    const abort = new AbortController()
    const body = `context.progress('started'); await new Promise((r) => setTimeout(r, 60_000))`
    const running = run('cancelled', body, { signal: abort.signal, onProgress: () => abort.abort() })
    await expect(running).rejects.toMatchObject({ code: 'TF_ABORTED' })
    await until('the child to be gone', () => bed.subprocesses.list().every(({ name }) => name !== 'orders-seed'))
  })
})
