import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import type { ProcessRow } from '../../../src/core/process-identity.ts'
import { identifyProcess, isRunning, signalProcess } from '../../../src/core/process-identity.ts'
import { readProcessTable } from '../../../src/core/process-table.ts'
import { reapLeftovers } from '../../../src/core/reap-leftovers.ts'
import { createSubprocesses } from '../../../src/core/subprocesses.ts'
import { eventually, PATH_ENV, processesOf, testRun } from './processes-of-a-test.ts'

const SUPERVISOR = fileURLToPath(new URL('./supervisor.ts', import.meta.url))
/** The shell, its sleeps 601 to 603, and the polite one; the shell waits, so 604 has not begun. */
const FAMILY_SIZE = 5
const isLinux = process.platform === 'linux'

async function startSupervisor(run: ReturnType<typeof testRun>, ephemeral: boolean): Promise<ChildProcess> {
  const supervisor = spawn(process.execPath, [SUPERVISOR, run.directory, run.runToken, ephemeral ? 'ephemeral' : ''], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: PATH_ENV,
  })
  await once(supervisor.stdout!, 'data')
  await eventually('the whole family to run', () => processesOf(run.runToken).length === FAMILY_SIZE)
  return supervisor
}

function guardianOf(supervisor: ChildProcess): ProcessRow {
  const guardian = readProcessTable().find((row) => {
    return row.parentPid === supervisor.pid && commandLine(row.pid).includes('guardian.ts')
  })
  expect(guardian, 'a guardian').toBeDefined()
  return guardian!
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}

async function killHard(supervisor: ChildProcess): Promise<void> {
  const exit = once(supervisor, 'exit')
  supervisor.kill('SIGKILL')
  await exit
}

describe.skipIf(!isLinux)(
  'the death of a supervisor by kill -9 (skipped outside Linux: /proc finds the survivors)',
  () => {
    it('takes everything down with it when there is a guardian, which then leaves', async () => {
      const run = testRun()
      const supervisor = await startSupervisor(run, true)
      const guardian = guardianOf(supervisor)
      await killHard(supervisor)
      await eventually('nothing of the run to be left', () => processesOf(run.runToken).length === 0)
      await eventually('the guardian to leave', () => !isRunning(guardian))
    })

    it('is seen by a guardian that was asked to leave before', async () => {
      const run = testRun()
      const supervisor = await startSupervisor(run, true)
      const guardian = guardianOf(supervisor)
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) signalProcess(guardian, signal)
      await killHard(supervisor)
      await eventually('nothing of the run to be left', () => processesOf(run.runToken).length === 0)
    })

    it('is seen by the guardian that replaces one that was killed', async () => {
      const run = testRun()
      const supervisor = await startSupervisor(run, true)
      const first = guardianOf(supervisor)
      signalProcess(first, 'SIGKILL')
      const isReplaced = (): boolean => {
        const children = readProcessTable().filter((row) => row.parentPid === supervisor.pid && row.pid !== first.pid)
        return children.some((row) => commandLine(row.pid).includes('guardian.ts'))
      }
      await eventually('another guardian', isReplaced)
      await killHard(supervisor)
      await eventually('nothing of the run to be left', () => processesOf(run.runToken).length === 0)
    })

    it('leaves everything running without a guardian, for the next start to reap whole', async () => {
      const run = testRun()
      const supervisor = await startSupervisor(run, false)
      await killHard(supervisor)
      expect(processesOf(run.runToken)).toHaveLength(FAMILY_SIZE)
      const reaped = await reapLeftovers(run.recordFile, { deadlineMs: 200 })
      expect(reaped.map((child) => child.name).sort()).toEqual(['family', 'polite'])
      expect(processesOf(run.runToken)).toEqual([])
      expect(await reapLeftovers(run.recordFile)).toEqual([])
    })

    it('is made up for by the next start although supervisor and guardian were killed and the record is lost', async () => {
      const run = testRun()
      const supervisor = await startSupervisor(run, true)
      signalProcess(guardianOf(supervisor), 'SIGSTOP')
      const guardian = guardianOf(supervisor)
      await killHard(supervisor)
      signalProcess(guardian, 'SIGKILL')
      writeFileSync(run.recordFile, '{"version":1,"chil')
      await reapLeftovers(run.recordFile, { runTokenPrefix: run.runToken, deadlineMs: 200 })
      expect(processesOf(run.runToken)).toEqual([])
    })

    it('keeps the leftovers in the record when the next run writes it before it reaps', async () => {
      const run = testRun()
      await killHard(await startSupervisor(run, false))
      const next = await createSubprocesses({
        recordFile: run.recordFile,
        runToken: `${run.runToken}-next`,
        isEphemeral: false,
      })
      await next.stopAll()
      await reapLeftovers(run.recordFile, { deadlineMs: 200 })
      expect(processesOf(run.runToken)).toEqual([])
    })
  },
)

describe('reaping', () => {
  it('leaves a stranger alone that has a recorded pid, but another start time', async () => {
    const run = testRun()
    const stranger = spawn('sleep', ['606'], { detached: true, stdio: 'ignore' })
    try {
      const identity = identifyProcess(stranger.pid!)!
      const subprocesses = await createSubprocesses({
        recordFile: run.recordFile,
        runToken: run.runToken,
        isEphemeral: false,
      })
      await subprocesses.stopAll()
      const record = JSON.parse(readFileSync(run.recordFile, 'utf8'))
      const child = { name: 'x', stopSignal: 'SIGTERM', runToken: run.runToken, controlGroups: [] }
      const children = [
        { ...child, pid: identity.pid, startTime: '1' },
        { ...child, pid: 1, startTime: '999' },
      ]
      writeFileSync(run.recordFile, JSON.stringify({ ...record, children }))
      expect(await reapLeftovers(run.recordFile)).toEqual([])
      expect(isRunning(identity)).toBe(true)
      const otherBoot = { ...record, bootId: 'another boot', children: [{ ...child, ...identity }] }
      writeFileSync(run.recordFile, JSON.stringify(otherBoot))
      expect(await reapLeftovers(run.recordFile)).toEqual([])
      expect(isRunning(identity)).toBe(true)
    } finally {
      stranger.kill('SIGKILL')
    }
  })

  it('finds nothing to do without a record', async () => {
    expect(await reapLeftovers(testRun().recordFile)).toEqual([])
  })
})
