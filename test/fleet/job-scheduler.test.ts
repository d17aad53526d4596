import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { JobService } from '../../src/blueprint/service-kind.ts'
import type { JobRun, JobStatus } from '../../src/control/snapshot.ts'
import type { Component } from '../../src/core/component.ts'
import { createJobScheduler } from '../../src/fleet/job-scheduler.ts'
import type { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'
import { temporaryDirectory } from './temporary-directory.ts'
import { testService } from './test-service.ts'

const MINUTE_MS = 60_000
const SCHEDULE = { cron: '0 * * * *', timezone: 'UTC', overlap: 'skip', missed: 'once', timeLimitMs: 600_000 } as const

interface Stage {
  readonly clock: VirtualClock
  readonly file: string
  readonly started: string[]
  readonly notices: string[]
  end(isSuccess?: boolean): void
  scheduler(changes?: Partial<JobService['schedule']>): Component
  status(): JobStatus
  runs(): readonly JobRun[]
}

function stage(): Stage {
  const clock = virtualClock({ epochMs: Date.UTC(2026, 0, 1, 0, 30) })
  const file = join(temporaryDirectory(), 'nightly.json')
  const started: string[] = []
  const notices: string[] = []
  let status: JobStatus = { running: 0 }
  let endings: ((isSuccess: boolean, reason: string) => void)[] = []
  const settle = (isSuccess: boolean, reason: string): void => {
    for (const ending of endings.splice(0)) ending(isSuccess, reason)
  }
  return {
    clock,
    file,
    started,
    notices,
    end: (isSuccess = true) => settle(isSuccess, 'exited with code 1: no bread'),
    scheduler: (changes = {}) =>
      createJobScheduler({
        service: {
          ...testService({ name: 'nightly', instances: { min: 0, desired: 0, max: 1 } }),
          schedule: { ...SCHEDULE, ...changes },
        },
        file,
        clock,
        async run(id) {
          started.push(`${id} ${new Date(clock.epochMs()).toISOString().slice(11, 16)}`)
          const { promise, resolve } = Promise.withResolvers<{ isSuccess: boolean; reason: string }>()
          endings = [...endings, (isSuccess, reason) => resolve({ isSuccess, reason })]
          return { exited: promise, stop: async () => settle(false, 'was ended by SIGTERM') }
        },
        onStatus: (next) => (status = next),
        onNotice: ({ message }) => notices.push(message),
      }),
    status: () => status,
    runs: () => (JSON.parse(readFileSync(file, 'utf8')) as { runs: JobRun[] }).runs,
  }
}

/** Writing the record takes real time, in which the virtual clock stands still. */
function eventually(look: () => unknown): ReturnType<typeof expect.poll> {
  return expect.poll(look, { timeout: 4_000, interval: 5 })
}

test('runs at its times, says how that ended and when it runs next', async () => {
  const on = stage()
  const scheduler = on.scheduler()
  await scheduler.start()
  expect(on.status()).toEqual({ running: 0, nextEpochMs: Date.UTC(2026, 0, 1, 1) })
  await on.clock.advance(30 * MINUTE_MS)
  await eventually(() => on.started).toEqual(['nightly-1 01:00'])
  expect(on.runs()).toMatchObject([{ outcome: 'running' }])
  on.end()
  await eventually(() => on.status().running).toBe(0)
  expect(on.status()).toMatchObject({ nextEpochMs: Date.UTC(2026, 0, 1, 2), last: { outcome: 'succeeded' } })
  await on.clock.advance(60 * MINUTE_MS)
  await eventually(() => on.started.length).toBe(2)
  on.end(false)
  await eventually(() => on.status().last).toMatchObject({ outcome: 'failed', reason: 'exited with code 1: no bread' })
  await eventually(() => on.notices).toEqual([expect.stringContaining('nightly-1 failed')])
  await scheduler.stop()
  expect(on.runs().map(({ outcome }) => outcome)).toEqual(['succeeded', 'failed'])
  expect(on.clock.pending).toBe(0)
})

test('leaves out what is due while it runs, and ends what takes too long', async () => {
  const on = stage()
  const scheduler = on.scheduler({ timeLimitMs: 90 * MINUTE_MS })
  await scheduler.start()
  await on.clock.advance(30 * MINUTE_MS)
  await eventually(() => on.started.length).toBe(1)
  await on.clock.advance(60 * MINUTE_MS)
  expect(on.status().last).toMatchObject({ outcome: 'skipped', reason: 'the one before was not over' })
  await on.clock.advance(30 * MINUTE_MS)
  await eventually(() => on.runs().map(({ outcome }) => outcome)).toEqual(['timed-out', 'skipped'])
  await scheduler.stop()
})

test('makes up once for missed times after a restart, and never repeats one, also when the clock is set back', async () => {
  const on = stage()
  const first = on.scheduler()
  await first.start()
  await on.clock.advance(30 * MINUTE_MS)
  await eventually(() => on.started.length).toBe(1)
  await first.stop()
  expect(on.runs()).toMatchObject([{ outcome: 'interrupted' }])
  await on.clock.advance(5 * 60 * MINUTE_MS)
  const second = on.scheduler()
  await second.start()
  await eventually(() => on.started).toEqual(['nightly-1 01:00', 'nightly-1 06:00'])
  on.end()
  await eventually(() => on.status().running).toBe(0)
  on.clock.jumpTo(Date.UTC(2026, 0, 1, 0, 59))
  await on.clock.advance(5 * 60 * MINUTE_MS)
  expect(on.started).toHaveLength(2)
  await second.stop()

  const other = on.scheduler({ cron: '30 * * * *' })
  await other.start()
  expect(on.started).toHaveLength(2)
  await other.stop()
})

test('a run of which nobody saw the end is interrupted, and a damaged record is as none', async () => {
  const on = stage()
  const runs = [{ scheduledEpochMs: Date.UTC(2026, 0, 1), startedEpochMs: Date.UTC(2026, 0, 1), outcome: 'running' }]
  const record = { layout: 1, schedule: '0 * * * * UTC', decidedEpochMs: Date.UTC(2026, 0, 1), runs }
  writeFileSync(on.file, JSON.stringify(record))
  const scheduler = on.scheduler()
  await scheduler.start()
  expect(on.status().last).toMatchObject({ outcome: 'interrupted' })
  await scheduler.stop()
  writeFileSync(on.file, '{ "layout": 7')
  const again = on.scheduler()
  await again.start()
  expect(on.started).toEqual([])
  await again.stop()
})
