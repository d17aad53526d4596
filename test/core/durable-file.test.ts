import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { removeUnfinished, writeFileDurably } from '../../src/core/durable-file.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tenfold durable '))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const modeOf = (path: string): number => statSync(path).mode & 0o777

describe('a durable write', () => {
  it('creates and replaces, private unless said otherwise, and leaves no temporary file', async () => {
    const path = join(directory, 'state.json')
    await writeFileDurably(path, 'one')
    expect([readFileSync(path, 'utf8'), modeOf(path)]).toEqual(['one', 0o600])
    await writeFileDurably(path, Buffer.from('two'), { mode: 0o644, isSynced: false })
    expect([readFileSync(path, 'utf8'), modeOf(path)]).toEqual(['two', 0o644])
    expect(readdirSync(directory)).toEqual(['state.json'])
  })

  it('sets the permissions whatever the umask', async () => {
    const path = join(directory, 'shared')
    const before = process.umask(0o077)
    try {
      await writeFileDurably(path, '', { mode: 0o664 })
    } finally {
      process.umask(before)
    }
    expect(modeOf(path)).toBe(0o664)
  })

  it('leaves the old content and no temporary file when it fails', async () => {
    const path = join(directory, 'taken')
    mkdirSync(path)
    writeFileSync(join(path, 'old'), 'old')
    await expect(writeFileDurably(path, 'new')).rejects.toThrow(/EISDIR|ENOTEMPTY|EEXIST/)
    expect(readFileSync(join(path, 'old'), 'utf8')).toBe('old')
    expect(readdirSync(directory)).toEqual(['taken'])
    await expect(writeFileDurably(join(directory, 'missing', 'x'), '')).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('shows every reader a whole content, whoever writes at the same time', async () => {
    const path = join(directory, 'contended')
    const contents = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(100_000))
    await writeFileDurably(path, contents[0]!, { isSynced: false })
    const writes = contents.map((content) => writeFileDurably(path, content, { isSynced: false }))
    let isDone = false
    const all = Promise.all(writes).then(() => (isDone = true))
    do {
      expect(contents).toContain(readFileSync(path, 'utf8'))
      await new Promise((resolve) => setImmediate(resolve))
      // oxlint-disable-next-line no-unmodified-loop-condition -- the writes modify it
    } while (!isDone)
    await all
    expect(readdirSync(directory)).toEqual(['contended'])
  })

  it('leaves what is removed later when it is killed in the middle, and nothing else is removed with it', async () => {
    const [file, other] = [join(directory, 'state.json'), join(directory, 'other.json')]
    const id = '0f0f0f0f-1111-4222-8333-444444444444'
    const names = [`state.json.${id}.tmp`, `other.json.${id}.tmp`, 'state.json.tmp', `state.json.${id}`]
    for (const name of names) writeFileSync(join(directory, name), 'half')
    await writeFileDurably(file, 'whole')
    await removeUnfinished([file])
    expect(readdirSync(directory).sort()).toEqual([...names.slice(1), 'state.json'].sort())
    await removeUnfinished([file, other])
    expect(readdirSync(directory)).not.toContain(names[1])
  })
})
