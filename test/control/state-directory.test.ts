import {
  chmod,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { findRunning, requireRunning } from '../../src/control/running-system.ts'
import type { StateDirectory, StateDirectoryOptions } from '../../src/control/state-directory.ts'
import { openStateDirectory } from '../../src/control/state-directory.ts'
import { identifyProcess } from '../../src/core/process-identity.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'

/** Us, as the user of children: giving files to ourselves needs no root. */
const user = { name: 'children', uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 }

let directory: string
let runtimeBase: string
let runtime: string
const opened: StateDirectory[] = []

beforeEach(async () => {
  directory = await realpath(await mkdtemp(join(tmpdir(), 'tf state-')))
  runtimeBase = await mkdtemp('/tmp/tf-run-')
  runtime = runtimeBase
})

afterEach(async () => {
  for (const state of opened.splice(0)) await state.close()
  await chmod(directory, 0o700)
  await rm(directory, { recursive: true, force: true })
  await rm(runtimeBase, { recursive: true, force: true })
})

async function open(
  options: Partial<StateDirectoryOptions> = {},
  blueprint: Partial<StateDirectoryOptions['blueprint']> = {},
): Promise<StateDirectory> {
  const state = await openStateDirectory({
    blueprint: { directory, name: 'shop', configuration: 'tenfold', ...blueprint },
    clock: virtualClock(),
    env: { XDG_RUNTIME_DIR: runtime },
    outsideBase: join(directory, 'outside'),
    ...options,
  })
  opened.push(state)
  return state
}

async function modeOf(path: string): Promise<number> {
  return (await stat(path)).mode & 0o777
}

describe('the directory', () => {
  test('is made beside the blueprint, for us alone, and ignored by git', async () => {
    const state = await open()

    expect(state.directory).toBe(join(directory, '.tenfold/shop'))
    expect(await modeOf(state.directory)).toBe(0o700)
    expect(await modeOf(state.logsDirectory)).toBe(0o700)
    expect(await readFile(join(directory, '.tenfold/.gitignore'), 'utf8')).toBe('*\n')
    expect(state.dataDirectory).toBe(join(state.directory, 'data'))
    expect(state.releasesDirectory).toBe(join(state.directory, 'releases'))
    expect(state.outside).toBeUndefined()
  })

  test('is another one for another configuration, so that both can run', async () => {
    await open()
    const before = await open({}, { configuration: 'before' })

    expect(before.directory).toBe(join(directory, '.tenfold/shop-before'))
  })

  test('refuses to be shared by a system and a configuration that spell the same name', async () => {
    await (await open({}, { configuration: 'before' })).close()

    await expect(open({}, { name: 'shop-before' })).rejects.toMatchObject({
      code: 'TF_STATE_UNUSABLE',
      message: expect.stringContaining('got that of shop (before)'),
    })
  })

  test('has the same modes under any umask', async () => {
    const previous = process.umask(0o077)
    try {
      const state = await open({ user, canUse: () => Promise.resolve(true) })
      expect(await modeOf(join(directory, '.tenfold'))).toBe(0o755)
      expect(await modeOf(state.directory)).toBe(0o711)
      expect(await modeOf(state.dataDirectory)).toBe(0o711)
    } finally {
      process.umask(previous)
    }
  })

  test('says what to do when a file stands in its place', async () => {
    await writeFile(join(directory, '.tenfold'), '')

    await expect(open()).rejects.toMatchObject({ code: 'TF_STATE_UNUSABLE', hint: expect.stringContaining('move') })
  })

  test('refuses a link in its place, which may lead anywhere', async () => {
    await mkdir(join(directory, '.tenfold'))
    await mkdir(join(directory, 'elsewhere'))
    await symlink(join(directory, 'elsewhere'), join(directory, '.tenfold/shop'))

    await expect(open()).rejects.toMatchObject({ code: 'TF_STATE_UNUSABLE' })
    expect(await readdir(join(directory, 'elsewhere'))).toEqual([])
  })
})

describe('the lock', () => {
  test('is held by one, and the other is told by whom', async () => {
    await open()

    await expect(open()).rejects.toMatchObject({
      code: 'TF_ALREADY_RUNNING',
      message: expect.stringContaining(`process ${process.pid} holds it`),
      hint: expect.stringContaining('tenfold down'),
      details: { pid: process.pid },
    })
  })

  test('can not be taken away by others who open its file', async () => {
    const state = await open()

    expect(await modeOf(state.lockFile)).toBe(0o600)
    expect((await readdir(state.directory)).filter((name) => name.startsWith('lock'))).toEqual(['lock'])
  })

  test('is not taken from a live holder where the file system does not lock', async () => {
    const state = await open()
    await state.close()
    const parent = identifyProcess(process.ppid)
    await writeFile(state.holderFile, JSON.stringify({ ...parent, startedEpochMs: 0 }))

    await expect(open()).rejects.toMatchObject({ code: 'TF_ALREADY_RUNNING', details: { pid: process.ppid } })
    await writeFile(state.holderFile, JSON.stringify({ ...parent, startTime: '1', startedEpochMs: 0 }))
    await open()
  })

  test('is free again after close, and close twice is safe', async () => {
    const state = await open()
    await state.close()
    await state.close()

    await open()
  })

  test('is given back when opening fails half way', async () => {
    await expect(
      open({ outsideBase: '/dev/null/x', user, canUse: () => Promise.resolve(false) }),
    ).rejects.toMatchObject({
      code: 'TF_STATE_UNUSABLE',
    })
    await open()
  })
})

describe('the layout', () => {
  async function writeRecord(change: Record<string, unknown> | string): Promise<void> {
    const state = await open()
    await state.close()
    const record = JSON.parse(await readFile(state.recordFile, 'utf8')) as Record<string, unknown>
    await writeFile(state.recordFile, typeof change === 'string' ? change : JSON.stringify({ ...record, ...change }))
  }

  test('refuses state of a later version, and leaves it as it was', async () => {
    await writeRecord({ layout: 2 })
    const before = await readFile(join(directory, '.tenfold/shop/state.json'), 'utf8')

    await expect(open()).rejects.toMatchObject({ code: 'TF_STATE_NEWER', details: { layout: 2, layoutMax: 1 } })
    expect(await readFile(join(directory, '.tenfold/shop/state.json'), 'utf8')).toBe(before)
  })

  test.each([
    ['too old to migrate', { layout: 0 }],
    ['without a layout', { layout: 'one' }],
    ['half written', '{"layout": 1, "sys'],
    ['empty', ''],
    ['another value', 'null'],
    ['with a part missing', { runtimeDirectory: 7 }],
  ])('refuses a record that is %s, with a way out', async (_, change) => {
    await writeRecord(change)

    await expect(open()).rejects.toMatchObject({
      code: 'TF_STATE_UNUSABLE',
      hint: expect.stringContaining('start empty'),
    })
  })
})

describe('data', () => {
  const canNot = { user, canUse: () => Promise.resolve(false) }

  test('goes outside when the user of the children can not reach it, with the reason', async () => {
    const state = await open(canNot)

    expect(state.outside?.path).toMatch(new RegExp(`^${directory}/outside/[0-9a-f]{16}$`))
    expect(state.outside?.reason).toContain('user children')
    expect(state.dataDirectory).toBe(join(state.outside?.path ?? '', 'data'))
    expect(await readdir(state.directory)).not.toContain('data')
  })

  test('stays where it is on every later start', async () => {
    const first = await open(canNot)
    await first.close()
    const second = await open({ user, canUse: () => Promise.resolve(true) })

    expect(second.dataDirectory).toBe(first.dataDirectory)
  })

  test('probes a directory that belongs to the user, and leaves no probe behind', async () => {
    const probed: string[] = []
    const canUse = async (_: unknown, path: string): Promise<boolean> => {
      probed.push(path)
      return (await stat(path)).uid === user.uid
    }
    const state = await open({ user, canUse })

    expect(probed).toHaveLength(1)
    expect((await readdir(state.directory)).filter((name) => name.startsWith('.probe'))).toEqual([])
  })

  test('moves with a project that is moved', async () => {
    const first = await open(canNot, { directory: join(directory, 'a') })
    await first.close()
    await rename(join(directory, 'a'), join(directory, 'b'))
    const second = await open(canNot, { directory: join(directory, 'b') })

    expect(second.dataDirectory).toBe(first.dataDirectory)
  })

  test('is not shared by a project that is copied, nor are its sockets', async () => {
    const first = await open(canNot, { directory: join(directory, 'a') })
    await cp(join(directory, 'a'), join(directory, 'b'), { recursive: true })
    const second = await open(canNot, { directory: join(directory, 'b') })

    expect(second.dataDirectory).not.toBe(first.dataDirectory)
    expect(second.controlSocket).not.toBe(first.controlSocket)
  })

  test('that is gone is never silently replaced by nothing', async () => {
    const first = await open(canNot)
    await first.close()
    await rm(first.outside?.path ?? '', { recursive: true })

    await expect(open(canNot)).rejects.toMatchObject({
      code: 'TF_STATE_UNUSABLE',
      hint: expect.stringContaining('backup'),
    })
  })

  test('that the user can no longer reach is not replaced by nothing either', async () => {
    const first = await open({ user, canUse: () => Promise.resolve(true) })
    await mkdir(join(first.dataDirectory, 'orders'))
    await first.close()

    await expect(open(canNot)).rejects.toMatchObject({
      code: 'TF_STATE_UNUSABLE',
      hint: expect.stringContaining('o+x'),
    })
  })
})

describe('the runtime directory', () => {
  test('is short, private, and the same on the next start', async () => {
    const first = await open()
    await writeFile(join(first.runtimeDirectory, 'socket-of-a-child'), '')
    await first.close()
    const second = await open()

    expect(first.runtimeDirectory.startsWith(`${runtime}/tenfold-`)).toBe(true)
    expect(await modeOf(first.runtimeDirectory)).toBe(0o700)
    expect(second.runtimeDirectory).toBe(first.runtimeDirectory)
    expect(Buffer.byteLength(second.controlSocket)).toBeLessThanOrEqual(107)
    await rm(join(first.runtimeDirectory, 'socket-of-a-child'))
  })

  test('goes with the last socket in it', async () => {
    const state = await open()
    await state.close()

    expect(await readdir(runtime)).toEqual([])
  })

  test('is made anew when the recorded one was replaced by a link or can be changed by others', async () => {
    const first = await open()
    await first.close()
    await mkdir(join(runtime, 'mine'), { mode: 0o700 })
    await symlink(join(runtime, 'mine'), first.runtimeDirectory)
    const second = await open()
    await second.close()
    await mkdir(second.runtimeDirectory, { mode: 0o700 })
    await chmod(second.runtimeDirectory, 0o770)
    const third = await open()

    expect(second.runtimeDirectory).not.toBe(first.runtimeDirectory)
    expect(third.runtimeDirectory).not.toBe(second.runtimeDirectory)
  })

  test.each([
    ['a directory that others can write', async () => void (await chmod(runtime, 0o777))],
    ['a missing directory', async () => void (await rm(runtime, { recursive: true }))],
    [
      'a directory that is too long',
      async () => {
        runtime = join(runtime, 'x'.repeat(70))
        await mkdir(runtime)
      },
    ],
  ])('does not go into %s', async (_, spoil) => {
    await spoil()
    const state = await open()

    expect(state.runtimeDirectory.startsWith(runtime)).toBe(false)
    expect(await modeOf(state.runtimeDirectory)).toBe(0o700)
  })

  test('of the children is another one when they are another user, who may pass through ours', async () => {
    const state = await open({ user, canUse: () => Promise.resolve(true) })

    expect(await modeOf(state.runtimeDirectory)).toBe(0o711)
    expect(await modeOf(state.childRuntimeDirectory)).toBe(0o700)

    expect(state.childRuntimeDirectory).not.toBe(state.runtimeDirectory)
    expect((await stat(state.childRuntimeDirectory)).uid).toBe(user.uid)
    expect((await open({}, { configuration: 'before' })).childRuntimeDirectory).toContain(runtime)
  })
})

describe('a running system', () => {
  test('is found through its state directory while it runs', async () => {
    const state = await open()
    expect(await findRunning(state.directory)).toBeUndefined()
    await state.recordRun({ run: 'r1', startedEpochMs: 5 })

    expect(await findRunning(state.directory)).toMatchObject({
      run: 'r1',
      pid: process.pid,
      controlSocket: state.controlSocket,
    })
    expect(await modeOf(state.runFile)).toBe(0o600)
    await state.close()
    expect(await findRunning(state.directory)).toBeUndefined()
  })

  test.each([
    ['of a process that has ended', { startTime: '1' }],
    ['of a pid that nobody has', { pid: 4_194_303 }],
    ['copied from another project', { stateDirectory: '/elsewhere' }],
    ['damaged', { controlSocket: 7 }],
  ])('is not found by a record %s', async (_, change) => {
    const state = await open()
    await state.recordRun({ run: 'r1', startedEpochMs: 5 })
    const record = JSON.parse(await readFile(state.runFile, 'utf8')) as Record<string, unknown>
    await writeFile(state.runFile, JSON.stringify({ ...record, ...change }))

    expect(await findRunning(state.directory)).toBeUndefined()
    await expect(requireRunning(state.directory)).rejects.toMatchObject({
      code: 'TF_NOT_RUNNING',
      hint: expect.stringContaining('tenfold up'),
    })
  })

  test.runIf(user.uid !== 0)(
    'is not denied to another user, who is told to be its owner (root may read all)',
    async () => {
      const state = await open()
      await state.recordRun({ run: 'r1', startedEpochMs: 5 })
      await chmod(state.runFile, 0)

      await expect(findRunning(state.directory)).rejects.toMatchObject({
        code: 'TF_STATE_UNUSABLE',
        hint: expect.stringContaining('as the user that owns'),
      })
    },
  )

  test('is not found by the record of a dead run once the next control plane has the lock', async () => {
    const state = await open()
    await state.recordRun({ run: 'r1', startedEpochMs: 5 })
    const record = await readFile(state.runFile, 'utf8')
    await state.close()
    await writeFile(state.runFile, record)
    await open()

    expect(await findRunning(state.directory)).toBeUndefined()
  })
})
