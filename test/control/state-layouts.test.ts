import { cp, mkdir, mkdtemp, readdir, readFile, realpath, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { clusterPathsOf, readClusterRecord } from '../../src/clusters/cluster-record.ts'
import { createAuditLog } from '../../src/control/audit-log.ts'
import { openStateDirectory } from '../../src/control/state-directory.ts'
import { STATE_LAYOUT } from '../../src/control/state-record.ts'
import { readRecord, writeRecord } from '../../src/core/subprocess-record.ts'
import { createInstanceLogs } from '../../src/fleet/instance-log.ts'
import { openHistoryDatabase } from '../../src/telemetry/history-database.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'

/** One state directory of each layout there ever was, as it was written; never to be changed. */
const FIXTURES = fileURLToPath(new URL('../golden/', import.meta.url))
const BLUEPRINT = { name: 'shop', configuration: 'tenfold' }

let project: string
let state: string
beforeEach(async () => {
  project = await realpath(await mkdtemp(join(tmpdir(), 'tenfold layouts ')))
  state = join(project, '.tenfold/shop')
})
afterEach(() => rm(project, { recursive: true, force: true }))

/** Puts a fixture where a project has its state. What git or editors would touch has another name there. */
async function restore(layout: number): Promise<void> {
  await mkdir(dirname(state))
  await cp(join(FIXTURES, `state-v${layout}`), state, { recursive: true })
  for (const path of await readdir(state, { recursive: true })) {
    if (path.endsWith('.log.txt')) await rename(join(state, path), join(state, path.slice(0, -'.txt'.length)))
  }
  const history = new DatabaseSync(join(state, 'telemetry/history.sqlite'))
  history.exec(await readFile(join(state, 'telemetry/history.sql'), 'utf8'))
  history.close()
}

async function open(): ReturnType<typeof openStateDirectory> {
  return openStateDirectory({ blueprint: { directory: project, ...BLUEPRINT }, clock: virtualClock() })
}

test('there is a fixture of every layout up to this one', async () => {
  const kept = (await readdir(FIXTURES)).filter((name) => name.startsWith('state-v'))
  expect(kept.sort()).toEqual(Array.from({ length: STATE_LAYOUT }, (_, i) => `state-v${i + 1}`))
})

describe.each(Array.from({ length: STATE_LAYOUT }, (_, i) => i + 1))('state of layout %i', (layout) => {
  test('is opened, becomes state of this layout, and nothing of it is lost', async () => {
    await restore(layout)
    const auditBefore = await readFile(join(state, 'audit.log'), 'utf8')
    const opened = await open()
    expect(JSON.parse(await readFile(join(state, 'state.json'), 'utf8'))).toMatchObject({
      layout: STATE_LAYOUT,
      system: 'shop',
      directory: state,
    })
    await createAuditLog({ file: opened.auditFile }).append({ n: 1 })
    expect(await readFile(join(state, 'audit.log'), 'utf8')).toBe(`${auditBefore}{"n":1}\n`)
    expect(await readClusterRecord(clusterPathsOf(join(opened.dataDirectory, 'orders')))).toMatchObject({
      superuserPassword: 'not-a-secret-1',
      servicePasswords: { web: 'not-a-secret-3' },
    })
    // It is of another boot, so it names nobody that runs.
    expect(await readRecord(opened.processesFile)).toBeUndefined()
    await opened.close()
  })

  test('has logs and measurements that can still be read', async () => {
    await restore(layout)
    const opened = await open()
    const logs = createInstanceLogs({ directory: opened.logsDirectory, clock: virtualClock() })
    expect((await logs.last('web', 5)).map(({ line }) => line)).toEqual([
      'listening',
      '{"level":"info","time":"2026-11-22T20:34:48.000Z","msg":"order 1"}',
    ])
    await logs.close()
    const limits = { keepSeconds: { 1: 1e9, 10: 1e9, 60: 1e9 }, bytesMax: 1e8, spansMax: 1_000 }
    const history = openHistoryDatabase(join(state, 'telemetry/history.sqlite'), limits)
    expect(history.putAside).toBeUndefined()
    const [series] = history.series({
      name: 'tenfold.gateway.retries',
      fromEpochMs: 1_800_000_000_000,
      toEpochMs: 1_800_000_040_000,
      stepMs: 1_000,
      by: [],
    })
    expect(series?.points.length).toBeGreaterThan(20)
    history.close()
    await opened.close()
  })
})

test('a record that is cut off anywhere is refused with a way out, and the rest of the state is left alone', async () => {
  await restore(STATE_LAYOUT)
  const record = await readFile(join(state, 'state.json'), 'utf8')
  // Without its last line break it is whole.
  for (let length = 0; length < record.length - 1; length++) {
    await writeFile(join(state, 'state.json'), record.slice(0, length))
    await expect(open()).rejects.toMatchObject({
      code: 'TF_STATE_UNUSABLE',
      hint: expect.stringMatching(/restore the file from a backup, or move .* away to start empty/),
    })
    expect(await readFile(join(state, 'state.json'), 'utf8')).toBe(record.slice(0, length))
  }
})

test('a record of processes that is cut off anywhere names nobody', async () => {
  const file = join(project, 'processes.json')
  await writeRecord(file, 'run', [])
  const whole = await readFile(file, 'utf8')
  for (let length = 0; length < whole.length - 1; length++) {
    await writeFile(file, whole.slice(0, length))
    expect(await readRecord(file)).toBeUndefined()
  }
})
