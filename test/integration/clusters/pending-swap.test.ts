import { spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { clusterPathsOf, readClusterRecord, writeClusterRecord } from '../../../src/clusters/cluster-record.ts'
import { decideSwap, finishSwap } from '../../../src/clusters/pending-swap.ts'

const RECORD = { layout: 1, superuserPassword: 'old', servicePassword: 'old', primary: 2 } as const
const STEPS_MAX = 60

let directory: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'a swap '))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

/** A cluster of two nodes, and what was restored. */
async function prepare(cluster: string): Promise<void> {
  for (const [name, content] of Object.entries({ data: 'old 1', 'data-2': 'old 2', restored: 'new' })) {
    await mkdir(join(cluster, name), { recursive: true })
    await writeFile(join(cluster, name, 'what'), content)
  }
  await writeClusterRecord(clusterPathsOf(cluster), RECORD)
}

async function stateOf(cluster: string): Promise<Readonly<Record<string, string>>> {
  const state: Record<string, string> = {}
  for (const entry of await readdir(cluster, { withFileTypes: true })) {
    if (entry.isDirectory()) state[entry.name] = await readFile(join(cluster, entry.name, 'what'), 'utf8')
  }
  return { ...state, password: (await readClusterRecord(clusterPathsOf(cluster)))!.superuserPassword }
}

const BEFORE = { data: 'old 1', 'data-2': 'old 2', password: 'old' }
const AFTER = { data: 'new', 'data.before-now': 'old 1', 'data-2.before-now': 'old 2', password: 'new' }

test('a swap that is killed at any of its steps has changed nothing, or is ended by who comes next', async () => {
  const outcomes = new Set<string>()
  for (let steps = 0; ; steps++) {
    expect(steps).toBeLessThan(STEPS_MAX)
    const cluster = join(directory, String(steps))
    await prepare(cluster)
    const program = join(import.meta.dirname, 'swap-that-dies.ts')
    const died = spawnSync(process.execPath, ['--conditions=tenfold-source', program, cluster, String(steps)], {
      encoding: 'utf8',
    })
    if (died.signal !== 'SIGKILL') expect([died.status, died.stderr]).toEqual([0, ''])
    if (died.signal === 'SIGKILL') {
      await finishSwap(clusterPathsOf(cluster))
      const { restored: _restored, ...state } = await stateOf(cluster)
      outcomes.add(state['data']!)
      expect(state).toEqual(state['data'] === 'new' ? AFTER : BEFORE)
      expect(await finishSwap(clusterPathsOf(cluster))).toBeUndefined()
      continue
    }
    expect(await stateOf(cluster)).toEqual(AFTER)
    break
  }
  expect([...outcomes]).toEqual(['old 1', 'new'])
}, 180_000)

test('says where the former data is, and refuses a decision that it can not read', async () => {
  await prepare(directory)
  const paths = clusterPathsOf(directory)
  expect(await finishSwap(paths)).toBeUndefined()
  const record = { ...RECORD, superuserPassword: 'new' }
  await decideSwap(paths, join(directory, 'restored'), { layout: 1, suffix: 'before-now', record })
  expect(await finishSwap(paths)).toEqual([join(directory, 'data-2.before-now'), join(directory, 'data.before-now')])
  await writeFile(join(directory, 'swap.json'), '{"layout":2}')
  await expect(finishSwap(paths)).rejects.toMatchObject({ code: 'TF_CLUSTER_DATA_INVALID' })
  expect((await stateOf(directory))['data']).toBe('new')
})
