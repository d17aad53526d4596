import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { FileReleases } from '../../src/fleet/file-releases.ts'
import { createFileReleases } from '../../src/fleet/file-releases.ts'
import type { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'
import { temporaryDirectory, writeTree } from './temporary-directory.ts'

interface Place {
  readonly releases: FileReleases
  readonly clock: VirtualClock
  readonly dataRoot: string
  readonly dist: string
}

function place(files: Readonly<Record<string, string>>): Place {
  const [dataRoot, dist] = [temporaryDirectory(), temporaryDirectory()]
  writeTree(dist, files)
  const clock = virtualClock()
  return { releases: createFileReleases({ dataRoot, user: undefined, clock }), clock, dataRoot, dist }
}

/** As if they had been written at a time of the virtual clock. */
function dated({ dist, clock }: Place, agoMs: number): void {
  for (const name of readdirSync(dist)) {
    const at = (clock.epochMs() - agoMs) / 1_000
    utimesSync(join(dist, name), at, at)
  }
}

/** Waits, without time of its own, until somebody waits for the clock. */
async function hasSlept(clock: VirtualClock): Promise<void> {
  while (clock.pending === 0) await new Promise((resolve) => setImmediate(resolve))
}

test('copies a front end under the address of its content, readable by who serves it', async () => {
  const at = place({ 'index.html': 'one', 'assets/a.js': 'a' })
  dated(at, 60_000)
  const first = await at.releases.take('web', at.dist)
  expect(readFileSync(join(first.directory, 'assets/a.js'), 'utf8')).toBe('a')
  expect(statSync(join(first.directory, 'assets/a.js')).mode & 0o777).toBe(0o644)
  expect(await at.releases.take('web', at.dist)).toEqual(first)
  writeFileSync(join(first.directory, 'index.html'), 'cut')
  writeFileSync(join(first.directory, 'index.html'), '')
  expect(readFileSync(join((await at.releases.take('web', at.dist)).directory, 'index.html'), 'utf8')).toBe('one')
})

test('waits for a build to end, and refuses one that never does', async () => {
  const at = place({ 'index.html': 'one' })
  dated(at, 0)
  const taken = at.releases.take('web', at.dist)
  await hasSlept(at.clock)
  dated(at, -250)
  await at.clock.advance(300)
  await hasSlept(at.clock)
  writeFileSync(join(at.dist, 'index.html'), 'two')
  dated(at, 1_000)
  await at.clock.advance(300)
  expect(readFileSync(join((await taken).directory, 'index.html'), 'utf8')).toBe('two')
  rmSync(join(at.dist, 'index.html'))
  const refused = expect(at.releases.take('web', at.dist)).rejects.toMatchObject({ code: 'TF_FILES_UNREADY' })
  for (let tries = 0; tries < 100; tries++) {
    await hasSlept(at.clock)
    await at.clock.advance(300)
  }
  await refused
})

test('keeps the two releases before, and lets services that are gone leave', async () => {
  const at = place({ 'index.html': '0' })
  const taken: string[] = []
  for (const text of ['0', '1', '2', '3']) {
    writeFileSync(join(at.dist, 'index.html'), text)
    dated(at, 1_000)
    taken.push((await at.releases.take('web', at.dist)).directory)
    await at.clock.advance(60_000)
  }
  dated(at, 1_000)
  const { id, former } = await at.releases.take('web', at.dist)
  expect(former).toEqual([taken[2], taken[1]])
  mkdirSync(join(at.dataRoot, 'files/gone/0123'), { recursive: true })
  mkdirSync(join(at.dataRoot, 'files/web/.tmp-x'))
  expect((await at.releases.find('web', id, at.dist))?.former).toEqual(former)
  expect(await at.releases.find('web', 'gone', at.dist)).toBeUndefined()
  await at.releases.prune({ web: [id] })
  expect(taken.map((directory) => existsSync(directory))).toEqual([false, true, true, true])
  expect([
    ...readdirSync(join(at.dataRoot, 'files/gone')),
    ...readdirSync(join(at.dataRoot, 'files/web')),
  ]).toHaveLength(3)
})
