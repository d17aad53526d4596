import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { RecordedChild } from '../../src/core/subprocess-record.ts'
import { readRecord, writeRecord } from '../../src/core/subprocess-record.ts'

let directory: string
let file: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tenfold record '))
  file = join(directory, 'state', 'children.json')
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const child: RecordedChild = {
  pid: 42,
  startTime: '1',
  name: 'api-1',
  stopSignal: 'SIGTERM',
  runToken: 'run',
  childToken: 'run/1',
  controlGroups: [],
}

describe('the record of children', () => {
  it('comes back as it was written, from a private file in a directory that is made', async () => {
    await writeRecord(file, 'run', [child])
    expect(await readRecord(file)).toMatchObject({ version: 1, runToken: 'run', children: [child] })
    expect(statSync(file).mode & 0o777).toBe(0o600)
  })

  it('names nobody when there is none, when it is damaged, of another boot or of another version', async () => {
    expect(await readRecord(file)).toBeUndefined()
    await writeRecord(file, 'run', [child])
    const record = JSON.parse(readFileSync(file, 'utf8'))
    for (const text of ['', '{"version":1,"chi', 'null', '[]', '{}', JSON.stringify({ ...record, bootId: 'x' })]) {
      writeFileSync(file, text)
      expect(await readRecord(file)).toBeUndefined()
    }
    writeFileSync(file, JSON.stringify({ ...record, version: 2 }))
    expect(await readRecord(file)).toBeUndefined()
  })
})
