import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { beforeEach, describe, expect, it } from 'vitest'
import { isRunning, signalProcess } from '../../../src/core/process-identity.ts'
import { reapLeftovers } from '../../../src/core/reap-leftovers.ts'
import type { SubprocessOptions, Subprocesses } from '../../../src/core/subprocess.ts'
import { createSubprocesses, isAdoptable } from '../../../src/core/subprocesses.ts'
import { eventually, PATH_ENV, processesOf, testRun } from './processes-of-a-test.ts'

const SUPERVISOR = fileURLToPath(new URL('./supervisor.ts', import.meta.url))
/** The shell and its sleeps 601 to 603, as `supervisor.ts` starts them. */
const FAMILY_SIZE = 4
const SAME: SubprocessOptions['handover'] = { sameness: 'the family', notes: {} }

let run: ReturnType<typeof testRun>
/** As an `up` that comes after a kill -9 does it: what can't be adopted is ended first. */
async function succeed(): Promise<Subprocesses> {
  await reapLeftovers(run.recordFile, { isSpared: isAdoptable, deadlineMs: 200 })
  return createSubprocesses({ recordFile: run.recordFile, runToken: `${run.runToken}-next`, isEphemeral: false })
}

function optionsOf(handover: SubprocessOptions['handover']): SubprocessOptions {
  return { name: 'family', command: 'never started', env: PATH_ENV, outputFile: run.outputFile, handover }
}

function recordedNames(): readonly string[] {
  const { children } = JSON.parse(readFileSync(run.recordFile, 'utf8')) as { children: { name: string }[] }
  return children.map(({ name }) => name)
}

describe.skipIf(process.platform !== 'linux')('what a supervisor leaves when it is killed', () => {
  beforeEach(async () => {
    run = testRun()
    const supervisor: ChildProcess = spawn(process.execPath, [SUPERVISOR, run.directory, run.runToken, ''], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: PATH_ENV,
    })
    await once(supervisor.stdout!, 'data')
    await eventually('the family to run', () => processesOf(run.runToken).length === FAMILY_SIZE + 1)
    const exit = once(supervisor, 'exit')
    supervisor.kill('SIGKILL')
    await exit
  })

  it('is spared where it can be adopted, with its daemons, and ended where not', async () => {
    const before = processesOf(run.runToken)
    await succeed()
    const after = processesOf(run.runToken)
    expect(after).toHaveLength(FAMILY_SIZE)
    expect(before).toEqual(expect.arrayContaining([...after]))
    expect(recordedNames()).toEqual(['family'])
  })

  it('goes on as a child of ours, and ends as one with all that it started', async () => {
    const next = await succeed()
    expect(next.leftover('family')).toEqual({ port: 4711 })
    const child = (await next.adopt(optionsOf(SAME)))!
    expect(next.list()).toEqual([child])
    expect(next.leftover('family')).toBeUndefined()
    expect(recordedNames()).toEqual(['family'])
    expect(child.cpuSeconds()).toBeGreaterThanOrEqual(0)
    expect(await child.stop(200)).toEqual({ code: undefined, signal: undefined })
    expect(processesOf(run.runToken)).toEqual([])
    expect(recordedNames()).toEqual([])
  })

  it('is let go by a run that fails, stays in the record as it was, and is adopted again', async () => {
    const failing = await succeed()
    const before = processesOf(run.runToken)
    const endWanted = new AbortController()
    failing.letGo(endWanted.signal)
    const child = (await failing.adopt(optionsOf(SAME)))!
    expect(await child.stop(200)).toEqual({ code: undefined, signal: undefined })
    expect(await child.exited).toEqual({ code: undefined, signal: undefined })
    await failing.stopAll(200)
    expect(processesOf(run.runToken)).toEqual(before)
    await eventually('the record to name it', () => recordedNames().join() === 'family')

    const next = await succeed()
    expect(next.leftover('family')).toEqual({ port: 4711 })
    const adopted = (await next.adopt(optionsOf(SAME)))!
    next.letGo(endWanted.signal)
    endWanted.abort()
    await adopted.stop(200)
    expect(processesOf(run.runToken)).toEqual([])
    expect(recordedNames()).toEqual([])
  })

  it('is known to have ended when somebody else kills it', async () => {
    const next = await succeed()
    const child = (await next.adopt(optionsOf(SAME)))!
    signalProcess(child.identity, 'SIGKILL')
    await child.exited
    await eventually('what it had started to be gone', () => processesOf(run.runToken).length === 0)
    expect(next.list()).toEqual([])
  })

  it('is not adopted for another, nor by who gives no reason, nor twice', async () => {
    const next = await succeed()
    expect(await next.adopt(optionsOf({ sameness: 'another', notes: {} }))).toBeUndefined()
    expect(await next.adopt(optionsOf(undefined))).toBeUndefined()
    expect(await next.adopt({ ...optionsOf(SAME), name: 'polite' })).toBeUndefined()
    expect(await next.adopt(optionsOf(SAME))).toBeDefined()
    expect(await next.adopt(optionsOf(SAME))).toBeUndefined()
    await next.stopAll(0)
  })

  it('is handed on through one killed successor after the other', async () => {
    await succeed()
    const third = await succeed()
    expect(await third.adopt(optionsOf(SAME))).toBeDefined()
    // Nobody has stopped it: as if this one was killed, too.
    const fourth = await succeed()
    const child = await fourth.adopt(optionsOf(SAME))
    expect(isRunning(child!.identity)).toBe(true)
    await fourth.stopAll(0)
    expect(processesOf(run.runToken)).toEqual([])
  })

  it('is ended when nobody wants it, and is in the record until then', async () => {
    const next = await succeed()
    expect(await next.endLeftovers('another')).toEqual([])
    expect(recordedNames()).toEqual(['family'])
    expect(await endQuickly(next)).toEqual(['family'])
    expect(processesOf(run.runToken)).toEqual([])
    expect(recordedNames()).toEqual([])
  })

  it('is ended and not adopted when it had been asked to leave', async () => {
    const record = JSON.parse(readFileSync(run.recordFile, 'utf8'))
    for (const child of record.children) child.isLeaving = true
    writeFileSync(run.recordFile, JSON.stringify(record))
    await succeed()
    expect(processesOf(run.runToken)).toEqual([])
  })
})

/** The family is deaf to SIGTERM, so its end has to be brought forward. */
async function endQuickly(next: Subprocesses): Promise<readonly string[]> {
  const ended = next.endLeftovers()
  await eventually('it to be one of ours', () => next.list().length === 1)
  await next.list()[0]!.stop(100)
  return ended
}
