import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { isRunning } from '../../../src/core/process-identity.ts'
import type { Subprocess, Subprocesses, SubprocessOptions } from '../../../src/core/subprocess.ts'
import { createSubprocesses } from '../../../src/core/subprocesses.ts'
import { eventually, PATH_ENV, processesOf, testRun, textOf } from './processes-of-a-test.ts'

const KILLED = { code: undefined, signal: 'SIGKILL' }

interface Setup {
  readonly run: ReturnType<typeof testRun>
  readonly subprocesses: Subprocesses
  sh(script: string, options?: Partial<SubprocessOptions>): Promise<Subprocess>
}

async function setup(isEphemeral = false): Promise<Setup> {
  const run = testRun()
  const subprocesses = await createSubprocesses({ recordFile: run.recordFile, runToken: run.runToken, isEphemeral })
  return {
    run,
    subprocesses,
    sh: (script, options = {}) =>
      subprocesses.spawn({
        name: 'child',
        command: 'sh',
        args: ['-c', script],
        env: PATH_ENV,
        outputFile: run.outputFile,
        ...options,
      }),
  }
}

function recorded(file: string): { name: string; pid: number }[] {
  return JSON.parse(readFileSync(file, 'utf8')).children
}

describe('a subprocess', () => {
  it('tells how it ended, by code and by signal', async () => {
    const { sh, subprocesses } = await setup()
    expect(await (await sh('exit 3')).exited).toEqual({ code: 3, signal: undefined })
    const killed = await sh('sleep 611')
    killed.signal('SIGKILL')
    expect(await killed.exited).toEqual({ code: undefined, signal: 'SIGKILL' })
    await subprocesses.stopAll()
  })

  it('gets exactly the environment that was given, and the token of the run', async () => {
    const { sh, run, subprocesses } = await setup()
    const env = { ...PATH_ENV, PLAIN: 'a b\nc', 'spring.profile': 'x y', EMPTY: '' }
    const child = await sh('', { command: 'env', args: ['-0'], env })
    await child.exited
    const got = Object.fromEntries(
      textOf(run.outputFile)
        .split('\0')
        .map((line) => line.split(/=(.*)/s).slice(0, 2)),
    )
    expect(got).toMatchObject({ ...env, TENFOLD_RUN: run.runToken })
    const fromShell = new Set(['PWD', 'OLDPWD', 'SHLVL', '_', ''])
    const others = Object.keys(got).filter((name) => !(name in env) && !fromShell.has(name))
    expect(others.sort()).toEqual(['TENFOLD_CHILD', 'TENFOLD_RUN'])
    await subprocesses.stopAll()
  })

  it('gets its arguments untouched, its directory, and no open file but the three streams', async () => {
    const { sh, run, subprocesses } = await setup()
    const directory = join(run.directory, 'a b')
    mkdirSync(directory)
    const args = [
      '-c',
      'printf "%s|" "$@"; pwd; ls /proc/self/fd 2>/dev/null || echo "0\n1\n2\n3"',
      'x',
      '',
      'a b',
      '$HOME',
      "it's",
    ]
    await (
      await sh('', { args, cwd: directory })
    ).exited
    const [first, ...descriptors] = textOf(run.outputFile).trim().split('\n')
    expect(first).toBe(`|a b|$HOME|it's|${directory}`)
    // 3 is what ls itself opens to read the directory; those from 10 on we inherited from whoever runs the tests.
    expect(descriptors.filter((descriptor) => Number(descriptor) < 10)).toEqual(['0', '1', '2', '3'])
    await subprocesses.stopAll()
  })

  it('leads a process group of its own, so that Ctrl-C does not reach it', async () => {
    const { sh, run, subprocesses } = await setup()
    const child = await sh('sleep 612 & echo "$(ps -o pgid= -p $$) $(ps -o pgid= -p $!)"; wait')
    await eventually('the groups', () => textOf(run.outputFile).includes('\n'))
    expect(textOf(run.outputFile).trim().split(/\s+/).map(Number)).toEqual([child.identity.pid, child.identity.pid])
    await subprocesses.stopAll()
  })

  it('appends both streams to its file, through a flood, and after what was there', async () => {
    const { sh, run, subprocesses } = await setup()
    writeFileSync(run.outputFile, 'before\n')
    const child = await sh(
      'i=0; while [ $i -lt 20000 ]; do echo "line $i of the flood"; i=$((i+1)); done; echo last >&2',
    )
    expect((await child.exited).code).toBe(0)
    const lines = readFileSync(run.outputFile, 'utf8').split('\n')
    expect(lines).toHaveLength(20_003)
    expect([lines[0], lines[1], lines[20_000], lines[20_001]]).toEqual([
      'before',
      'line 0 of the flood',
      'line 19999 of the flood',
      'last',
    ])
    expect(statSync(run.outputFile).mode & 0o077).toBe(statSync(run.outputFile).mode & 0o044)
    await subprocesses.stopAll()
  })

  it('is in the record before its first instruction, and out of it when it is gone', async () => {
    const { sh, run, subprocesses } = await setup()
    const child = await sh(`cp "${run.recordFile}" "${run.directory}/seen.json"; sleep 613`)
    await eventually('the copy', () => textOf(join(run.directory, 'seen.json')).endsWith('\n'))
    expect(recorded(join(run.directory, 'seen.json'))).toMatchObject([{ name: 'child', pid: child.identity.pid }])
    await child.stop()
    expect(recorded(run.recordFile)).toEqual([])
    await subprocesses.stopAll()
  })

  it('reports what it uses while it runs, and nothing afterwards', async () => {
    const { sh, subprocesses } = await setup()
    const child = await sh('i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; sleep 614')
    await eventually('CPU time', () => (child.cpuSeconds() ?? 0) > 0.02)
    expect(child.memoryBytes()).toBeGreaterThan(100_000)
    await child.stop()
    expect([child.cpuSeconds(), child.memoryBytes(), child.throttling()]).toEqual([undefined, undefined, undefined])
    await subprocesses.stopAll()
  })
})

describe('a stop', () => {
  it('lets a child finish that wants to', async () => {
    const { sh, run, subprocesses } = await setup()
    const child = await sh("trap 'echo finished; exit 0' TERM; echo ready; while :; do sleep 0.05; done")
    await eventually('the trap', () => textOf(run.outputFile) === 'ready\n')
    expect(await child.stop()).toEqual({ code: 0, signal: undefined })
    expect(textOf(run.outputFile)).toBe('ready\nfinished\n')
    await subprocesses.stopAll()
  })

  it('uses the signal that was asked for', async () => {
    const { sh, run, subprocesses } = await setup()
    const child = await sh("trap 'exit 7' INT; echo ready; while :; do sleep 0.05; done", { stopSignal: 'SIGINT' })
    await eventually('the trap', () => textOf(run.outputFile) === 'ready\n')
    expect((await child.stop()).code).toBe(7)
    await subprocesses.stopAll()
  })

  it('kills a child that is deaf, with its grandchildren and one that left the group', async () => {
    const { sh, run, subprocesses } = await setup()
    const child = await sh(
      "trap '' TERM; sleep 615 & setsid sleep 616 & (setsid sleep 617 &); echo ready; wait; wait; sleep 618",
    )
    await eventually('all four', () => processesOf(run.runToken).length === 4 || process.platform !== 'linux')
    expect(await child.stop(100)).toEqual({ code: undefined, signal: 'SIGKILL' })
    expect(processesOf(run.runToken)).toEqual([])
    await subprocesses.stopAll()
  })

  it('takes nothing else down', async () => {
    const { sh, subprocesses } = await setup()
    const [stopped, kept] = await Promise.all([sh('sleep 619'), sh('sleep 620')])
    await stopped.stop()
    expect(isRunning(kept.identity)).toBe(true)
    expect(subprocesses.list()).toEqual([kept])
    await subprocesses.stopAll()
    expect(isRunning(kept.identity)).toBe(false)
  })

  it('is safe twice and after the end, and hastened by a shorter deadline, as by a second Ctrl-C', async () => {
    const { sh, run, subprocesses } = await setup()
    const child = await sh("trap '' TERM; echo ready; while :; do sleep 0.05; done")
    await eventually('the trap', () => textOf(run.outputFile) === 'ready\n')
    const patient = child.stop(60_000)
    const hasty = child.stop(0)
    expect(await Promise.all([patient, hasty, child.stop()])).toEqual([KILLED, KILLED, KILLED])
    expect((await child.stop()).signal).toBe('SIGKILL')
    child.signal('SIGTERM')
    await subprocesses.stopAll()
    await subprocesses.stopAll()
  })

  it('of everything reaches those that are just being started, and refuses those that come later', async () => {
    for (const isEphemeral of [false, true]) {
      const { sh, run, subprocesses } = await setup(isEphemeral)
      const starts = Array.from({ length: 8 }, async (_, i) => {
        for (let turn = 0; turn < i * 3; turn++) await new Promise((resolve) => setImmediate(resolve))
        return sh('sleep 621')
      })
      const outcomes = Promise.allSettled(starts)
      await new Promise((resolve) => setTimeout(resolve, 5))
      await subprocesses.stopAll()
      for (const outcome of await outcomes) {
        if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'TF_ABORTED' })
        else expect(isRunning(outcome.value.identity)).toBe(false)
      }
      expect(processesOf(run.runToken)).toEqual([])
      expect(recorded(run.recordFile)).toEqual([])
      await expect(sh('sleep 622')).rejects.toMatchObject({ code: 'TF_ABORTED' })
    }
  })

  it('ends those that a child leaves behind when it goes by itself', async () => {
    const { sh, run, subprocesses } = await setup()
    const child = await sh('sleep 623 & setsid sleep 624 & exit 1')
    expect((await child.exited).code).toBe(1)
    await eventually('nothing to be left', () => processesOf(run.runToken).length === 0)
    expect(subprocesses.list()).toEqual([])
    await subprocesses.stopAll()
  })
})

describe('a start that fails', () => {
  it.each([
    [{ command: 'no-such-program' }, 'no such program', 'install no-such-program'],
    [{ command: '/no/such/program' }, 'no such program', 'absolute path'],
    [{ cwd: '/no/such/directory' }, 'no directory /no/such/directory', 'create'],
  ])('says what the system said and what to do: %j', async (options, message, hint) => {
    const { sh, run, subprocesses } = await setup()
    await expect(sh('true', options)).rejects.toMatchObject({
      code: 'TF_SPAWN_FAILED',
      message: expect.stringContaining(message),
      hint: expect.stringContaining(hint),
    })
    expect(subprocesses.list()).toEqual([])
    expect(recorded(run.recordFile)).toEqual([])
    await subprocesses.stopAll()
  })

  it('tells a file that may not be executed from one that is not there', async () => {
    const { sh, run, subprocesses } = await setup()
    const program = join(run.directory, 'program')
    writeFileSync(program, '#!/bin/sh\n')
    chmodSync(program, 0o644)
    await expect(sh('', { command: program })).rejects.toMatchObject({
      message: expect.stringContaining('may not be executed'),
      hint: expect.stringContaining('make'),
    })
    await subprocesses.stopAll()
  })

  it('runs nothing when the record cannot be written', async () => {
    const { sh, run, subprocesses } = await setup()
    rmSync(run.recordFile)
    mkdirSync(run.recordFile)
    await expect(sh(`touch "${run.directory}/ran"`)).rejects.toMatchObject({
      code: 'TF_SPAWN_FAILED',
      message: expect.stringContaining('children.json'),
    })
    expect(existsSync(join(run.directory, 'ran'))).toBe(false)
    expect(processesOf(run.runToken)).toEqual([])
    await subprocesses.stopAll()
  })

  it('names the output file when that is what is wrong', async () => {
    const { sh, run, subprocesses } = await setup()
    writeFileSync(join(run.directory, 'file'), '')
    await expect(sh('true', { outputFile: join(run.directory, 'file', 'x.log') })).rejects.toMatchObject({
      code: 'TF_SPAWN_FAILED',
      hint: expect.stringContaining('x.log'),
    })
    await subprocesses.stopAll()
  })
})
