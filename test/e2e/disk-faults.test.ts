import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { shop, shopWithDatabase } from './shop.ts'
import type { Stage } from './stage.ts'
import { ask, eventually, snapshotOf, stage, TEST_TIMEOUT_MS, urlIn } from './stage.ts'

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS })

const isRoot = process.getuid?.() === 0

/** A stage whose state is on a small file system of its own; undefined where none can be mounted. */
function stageOnSmallDisk(files: Readonly<Record<string, string>>): Stage | undefined {
  const on = stage(files)
  const place = join(on.directory, '.tenfold')
  mkdirSync(place)
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=96m,mode=755', 'tmpfs', place]).status !== 0) return undefined
  // Before the stage is removed: what was added last is done first.
  onTestFinished(() => void spawnSync('umount', ['-l', place]))
  return on
}

async function notices(on: Stage): Promise<string> {
  return (await snapshotOf(on))!.notices.map(({ message }) => message).join('\n')
}

async function up(on: Stage): Promise<string> {
  const { code, out, err } = await on.end(['up', '--port', '0', '--detach'])
  if (code !== 0) throw new Error(`expected it to start, got ${err}`)
  return urlIn(out)
}

test.skipIf(!isRoot)(
  'a full disk is named once, stops nothing that runs, and is forgotten when there is room',
  async (context) => {
    const on = stageOnSmallDisk(shop())
    if (on === undefined) return context.skip('no file system can be mounted here')
    const url = await up(on)
    const ballast = join(on.directory, '.tenfold/ballast')
    const { bavail, bsize } = statfsSync(join(on.directory, '.tenfold'))
    try {
      writeFileSync(ballast, Buffer.alloc((bavail + 1) * bsize))
    } catch (error) {
      expect(error).toMatchObject({ code: 'ENOSPC' })
    }
    await eventually('the full disk to be named', async () => /the disk of .* is full/.test(await notices(on)))
    for (let i = 0; i < 20; i++) expect(await ask(url)).toMatchObject({ instance: expect.stringMatching(/^web-/) })
    const refused = await on.end(['apply'])
    expect(refused).toMatchObject({ code: 1 })
    expect(refused.err).toMatch(/ENOSPC.*\[TF_STATE_UNUSABLE\]\n {2}Next: free space/s)
    const { pid } = await ask<{ pid: number }>(url)
    process.kill(pid, 'SIGKILL')
    await eventually('the other instance to serve alone', async () => {
      const { instances } = (await snapshotOf(on))!.services['web']!
      return instances.some(({ reason }) => /no space left/.test(reason ?? ''))
    })
    for (let i = 0; i < 20; i++) expect((await ask<{ pid: number }>(url)).pid).not.toBe(pid)
    expect((await snapshotOf(on))!.notices.filter(({ message }) => /the disk of/.test(message))).toHaveLength(1)

    rmSync(ballast)
    await eventually('the room to be seen, also by the history', async () => {
      const said = await notices(on)
      return /has room again/.test(said) && !/is full/.test(said)
    })
    await eventually('both instances to serve', async () => {
      const { instances } = (await snapshotOf(on))!.services['web']!
      return instances.every(({ state }) => state === 'ready')
    })
    expect(await on.end(['apply'])).toMatchObject({ code: 0 })
    const audit = readFileSync(join(on.state(), 'audit.log'), 'utf8').trimEnd().split('\n')
    // Every line is whole, and the refused one is not among them.
    expect(audit.map((line) => (JSON.parse(line) as { event: string }).event)).toEqual(['asked', 'done'])
    expect(await on.end(['down'])).toMatchObject({ code: 0 })
    expect(on.leftovers()).toEqual([])
  },
)

test.skipIf(!isRoot)(
  'a start on a full disk is refused with what to do, and leaves nothing running',
  async (context) => {
    const on = stageOnSmallDisk(shop())
    if (on === undefined) return context.skip('no file system can be mounted here')
    try {
      writeFileSync(join(on.directory, '.tenfold/ballast'), Buffer.alloc(97 * 1024 ** 2))
    } catch (error) {
      expect(error).toMatchObject({ code: 'ENOSPC' })
    }
    const { code, err } = await on.end(['up', '--port', '0'])
    expect(code).toBe(1)
    expect(err).toMatch(/ENOSPC: no space left.*\[TF_STATE_UNUSABLE\]\n {2}Next: free space on the disk/s)
    expect(on.leftovers()).toEqual([])
  },
)

test.skipIf(!isRoot)(
  'a file system that turns read-only, or goes away, is named, and what runs goes on',
  async (context) => {
    const on = stageOnSmallDisk(shop())
    if (on === undefined) return context.skip('no file system can be mounted here')
    const url = await up(on)
    const { pid } = (await snapshotOf(on))!
    const place = join(on.directory, '.tenfold')
    // As the kernel does after an error of the disk: while files are open for writing it takes force.
    const { status } = spawnSync('mount', ['-o', 'remount,ro', place])
    if (status === 0) {
      await eventually('it to be named', async () => /can't be written any more/.test(await notices(on)))
      expect(await ask(url)).toMatchObject({ instance: expect.stringMatching(/^web-/) })
      expect(spawnSync('mount', ['-o', 'remount,rw', place]).status).toBe(0)
      await eventually('it to be writable again', async () => /has room again/.test(await notices(on)))
    }
    const status1 = on.end(['status'])
    expect((await status1).code).toBe(0)
    expect(spawnSync('umount', ['-l', place]).status).toBe(0)
    expect(await ask(url)).toMatchObject({ instance: expect.stringMatching(/^web-/) })
    expect((await on.end(['status'])).err).toMatch(/TF_NOT_RUNNING/)
    process.kill(pid, 'SIGTERM')
    await eventually('everything to end', () => on.leftovers().length === 0)
  },
)

test('data that the server may not write is named, and comes back whole', async () => {
  const on = stage(shopWithDatabase())
  await up(on)
  expect((await on.end(['down'])).code).toBe(0)
  const data = join(on.state(), 'data/orders/data')
  chmodSync(data, 0o500)
  const { code, err } = await on.end(['up', '--port', '0'])
  expect(code).toBe(1)
  expect(err).toMatch(/expected orders to run.*\[TF_CLUSTER_START_FAILED\]\n {2}Next: give the data directory back/s)
  expect(on.leftovers()).toEqual([])
  chmodSync(data, 0o700)
  expect(await ask(await up(on))).toMatchObject({ instance: expect.stringMatching(/^web-/) })
  expect((await on.end(['down'])).code).toBe(0)
})
