import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { timelineOfLabel } from '../../src/clusters/backup-mode.ts'
import { listDataFiles } from '../../src/clusters/data-files.ts'

let directory: string | undefined

afterEach(async () => {
  if (directory !== undefined) await rm(directory, { recursive: true, force: true })
})

async function dataWith(paths: readonly string[]): Promise<string> {
  directory = await mkdtemp(join(tmpdir(), 'data files-'))
  for (const path of paths) {
    await mkdir(join(directory, dirname(path)), { recursive: true })
    await writeFile(join(directory, path), 'x')
  }
  return directory
}

test('a copy leaves out what belongs to processes, temporary and unlogged tables, and the log', async () => {
  const data = await dataWith([
    'PG_VERSION',
    'postmaster.pid',
    'standby.signal',
    'global/pg_control',
    'global/pg_internal.init.17',
    'base/5/16384',
    'base/5/16384_fsm',
    'base/5/16384.1',
    'base/5/16390',
    'base/5/16390_vm',
    'base/5/16390.2',
    'base/5/16390_init',
    'base/5/t3_16400',
    'base/pgsql_tmp/pgsql_tmp12.0',
    'pg_wal/000000010000000000000001',
    'pg_wal/archive_status/000000010000000000000001.done',
    'pg_replslot/standby/state',
    'pg_xact/0000',
  ])
  const { directories, files } = await listDataFiles(data)
  expect(files.map(({ path }) => path).sort()).toEqual([
    'PG_VERSION',
    'base/5/16384',
    'base/5/16384.1',
    'base/5/16384_fsm',
    'base/5/16390_init',
    'global/pg_control',
    'pg_xact/0000',
  ])
  expect(files.at(-1)?.path).toBe('global/pg_control')
  expect([...directories].sort()).toEqual([
    'base',
    'base/5',
    'global',
    'pg_replslot',
    'pg_wal',
    'pg_wal/archive_status',
    'pg_xact',
  ])
})

test('the timeline is read from the label', () => {
  expect(timelineOfLabel('START WAL LOCATION: 0/2000028\nSTART TIMELINE: 12\n')).toBe(12)
  expect(() => timelineOfLabel('nothing')).toThrow('timeline')
})
