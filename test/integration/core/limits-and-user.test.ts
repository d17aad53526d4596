import { chmodSync, chownSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { canAccess, findChildUser } from '../../../src/core/child-user.ts'
import { sleep, systemClock } from '../../../src/core/clock.ts'
import { removeGroups } from '../../../src/core/control-group.ts'
import { limitResources } from '../../../src/core/limit-resources.ts'
import { identifyProcess } from '../../../src/core/process-identity.ts'
import { createSubprocesses } from '../../../src/core/subprocesses.ts'
import { eventually, PATH_ENV, testRun, textOf } from './processes-of-a-test.ts'

const BUSY = ['-c', 'while :; do :; done']
const isRoot = process.geteuid?.() === 0
const notRoot = isRoot ? '' : ' (skipped: only root can become another user)'

const probe = limitResources({ cpu: 0.5, memoryBytes: 64 * 1024 ** 2 })
removeGroups(probe.directories)
const notLimited = probe.state.enforced ? '' : ` (skipped: ${probe.state.reason})`

const hasSessions = existsSync('/proc/self/autogroup')
const noSessions = hasSessions ? '' : ' (skipped: this kernel does not share the CPU by session)'

describe.skipIf(!hasSessions)(`a child that yields the CPU${noSessions}`, () => {
  it('does so with all that it starts, and no longer than it is told to', async () => {
    const run = testRun()
    const subprocesses = await createSubprocesses({ ...run, isEphemeral: false })
    const child = await subprocesses.spawn({
      name: 'yielding',
      command: 'sh',
      args: ['-c', 'sleep 634; true'],
      env: PATH_ENV,
      user: findChildUser(),
      outputFile: run.outputFile,
    })
    const nice = (): string => textOf(`/proc/${child.identity.pid}/autogroup`).split(' nice ')[1]!.trim()
    // Somebody else may have used up how often that may be done in a second.
    const until = (isYielding: boolean, expected: string) =>
      eventually(`nice ${expected}`, () => (child.yieldCpu(isYielding), nice() === expected))
    expect(nice()).toBe('0')
    await until(true, '5')
    await until(false, '0')
    await subprocesses.stopAll()
  })
})

describe.skipIf(!isRoot)(`the drop to an unprivileged user${notRoot}`, () => {
  it('has happened before the program starts, with no group of root left', async () => {
    const run = testRun()
    const user = findChildUser()!
    const subprocesses = await createSubprocesses({ ...run, isEphemeral: false })
    const child = await subprocesses.spawn({
      name: 'who',
      command: 'id',
      args: [],
      env: PATH_ENV,
      user,
      limits: { cpu: 0.5 },
      outputFile: run.outputFile,
    })
    expect(await child.exited).toEqual({ code: 0, signal: undefined })
    expect(textOf(run.outputFile)).toContain(`uid=${user.uid}(${user.name})`)
    expect(textOf(run.outputFile)).not.toContain('(root)')
    await subprocesses.stopAll()
  })

  it('can open /dev/stdout by its name, as programs do that log there', async () => {
    const run = testRun()
    const subprocesses = await createSubprocesses({ ...run, isEphemeral: false })
    const child = await subprocesses.spawn({
      name: 'logger',
      command: 'sh',
      args: ['-c', 'echo by name >>/dev/stdout; echo by descriptor'],
      env: PATH_ENV,
      user: findChildUser(),
      outputFile: run.outputFile,
    })
    expect((await child.exited).code).toBe(0)
    expect(textOf(run.outputFile)).toBe('by name\nby descriptor\n')
    await subprocesses.stopAll()
  })

  it('is named in the error when the program is out of reach for that user', async () => {
    const run = testRun()
    const user = findChildUser()!
    const program = join(run.directory, 'program')
    writeFileSync(program, '#!/bin/sh\n')
    chmodSync(program, 0o755)
    const subprocesses = await createSubprocesses({ ...run, isEphemeral: false })
    const options = { name: 'far', command: program, env: PATH_ENV, outputFile: run.outputFile }
    await expect(subprocesses.spawn({ ...options, user })).rejects.toMatchObject({
      code: 'TF_SPAWN_FAILED',
      message: expect.stringContaining(`as ${user.name}`),
      hint: expect.stringContaining(`reachable as ${user.name}`),
    })
    expect((await (await subprocesses.spawn(options)).exited).code).toBe(0)
    await subprocesses.stopAll()
  })

  it('is probed for, not reasoned about: a directory above may be closed', async () => {
    const run = testRun()
    const user = findChildUser()!
    const inner = join(run.directory, 'inner')
    mkdirSync(inner)
    chmodSync(inner, 0o755)
    const file = join(inner, 'file')
    writeFileSync(file, 'x')
    chmodSync(file, 0o644)
    expect(await canAccess(user, file, 'read')).toBe(false)
    chmodSync(run.directory, 0o711)
    expect(await canAccess(user, file, 'read')).toBe(true)
    expect(await canAccess(user, file, 'write')).toBe(false)
    expect(await canAccess(user, inner, 'execute')).toBe(true)
    chownSync(file, user.uid, user.gid)
    expect(await canAccess(user, file, 'write')).toBe(true)
  })
})

describe.skipIf(!probe.state.enforced)(`resource limits${notLimited}`, () => {
  it('hold a busy child to its share of a core, from its first instruction, and tell how often it waited', async () => {
    const run = testRun()
    const subprocesses = await createSubprocesses({ ...run, isEphemeral: false })
    const child = await subprocesses.spawn({
      name: 'busy',
      command: 'sh',
      args: BUSY,
      env: PATH_ENV,
      user: findChildUser(),
      limits: { cpu: 0.2, memoryBytes: 64 * 1024 ** 2 },
      outputFile: run.outputFile,
    })
    expect(child.limits).toEqual({ enforced: true })
    const startMs = systemClock.nowMs()
    await sleep(systemClock, 1_500)
    await eventually('three waits for the next period', () => child.throttling()!.throttledPeriods >= 3)
    const share = (child.cpuSeconds()! * 1_000) / (systemClock.nowMs() - startMs)
    // The kernel lets the first period begin with a full quota; other load on the machine only lowers the share.
    expect(share).toBeLessThan(0.3)
    expect(share).toBeGreaterThan(0)
    // The kernel counts in batches.
    await eventually('its memory to be counted', () => (child.memoryBytes() ?? 0) > 10_000)
    await child.stop()
    await subprocesses.stopAll()
  })

  it('hold the grandchildren, too, and end with them: no group is left behind', async () => {
    const run = testRun()
    const subprocesses = await createSubprocesses({ ...run, isEphemeral: false })
    const child = await subprocesses.spawn({
      name: 'family',
      command: 'sh',
      // One that escapes group, parent and environment is still in the control group.
      args: ['-c', `(setsid env -i /bin/sh -c 'echo $$ > "$0"; exec sleep 631' "${run.directory}/pid" &); sleep 632`],
      env: PATH_ENV,
      limits: { cpu: 0.5 },
      outputFile: run.outputFile,
    })
    await eventually('the escape', () => textOf(join(run.directory, 'pid')) !== '')
    const groups: string[] = JSON.parse(textOf(run.recordFile)).children[0].controlGroups
    expect(groups.filter((group) => existsSync(group))).toEqual(groups)
    await child.stop(300)
    expect(identifyProcess(Number(textOf(join(run.directory, 'pid'))))).toBeUndefined()
    expect(groups.filter((group) => existsSync(group))).toEqual([])
    await subprocesses.stopAll()
  })

  it('end a child that takes more memory than it may', async () => {
    const run = testRun()
    const subprocesses = await createSubprocesses({ ...run, isEphemeral: false })
    const child = await subprocesses.spawn({
      name: 'greedy',
      command: process.execPath,
      args: ['-e', 'const all = []; for (;;) all.push(Buffer.alloc(1 << 20, 1))'],
      env: PATH_ENV,
      limits: { memoryBytes: 128 * 1024 ** 2 },
      outputFile: run.outputFile,
    })
    expect(child.limits).toEqual({ enforced: true })
    expect((await child.exited).signal).toBe('SIGKILL')
    await subprocesses.stopAll()
  })

  it('say why when they cannot be enforced, and the child runs all the same', async () => {
    const run = testRun()
    const subprocesses = await createSubprocesses({ ...run, isEphemeral: false })
    const child = await subprocesses.spawn({
      name: 'impossible',
      command: 'sleep',
      args: ['633'],
      env: PATH_ENV,
      limits: { memoryBytes: -5 },
      outputFile: run.outputFile,
    })
    expect(child.limits).toMatchObject({ enforced: false, reason: expect.stringContaining('memory') })
    await subprocesses.stopAll()
  })
})
