import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import type { JobRun, JobStatus } from '../../src/control/snapshot.ts'
import { systemClock } from '../../src/core/clock.ts'
import { blueprint, shop, WEB } from './shop.ts'
import type { Stage } from './stage.ts'
import { eventually, snapshotOf, stage, TEST_TIMEOUT_MS } from './stage.ts'

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS })

const JOB = `
console.log('the run of', process.env.TENFOLD_INSTANCE, process.env.TEXT, process.env.PORT)
process.exit(process.env.TEXT === 'bad' ? 3 : 0)
`
/** Not within the next hours. */
const NIGHTLY = `0 ${(new Date(systemClock.epochMs()).getUTCHours() + 12) % 24} * * *`

async function jobOf(on: Stage, name: string): Promise<JobStatus | undefined> {
  return (await snapshotOf(on))?.services[name]?.job
}

/** As if nothing had been decided for two days. */
function forget(on: Stage, name: string): void {
  const file = join(on.state(), 'jobs', `${name}.json`)
  const record = JSON.parse(readFileSync(file, 'utf8')) as { decidedEpochMs: number }
  writeFileSync(file, JSON.stringify({ ...record, decidedEpochMs: record.decidedEpochMs - 2 * 86_400_000 }))
}

test('runs a service at its times: missed ones once, its output in the logs, its end in the status', async () => {
  const services = (text: string): Record<string, unknown> => ({
    web: WEB,
    nightly: { entry: './job.js', schedule: NIGHTLY, env: { TEXT: text } },
  })
  const on = stage({ ...shop(), ...blueprint({ services: services('good') }), 'job.js': JOB })
  const up = (): Promise<unknown> => on.end(['up', '--detach', '--port', '0'])
  expect(await up()).toMatchObject({ code: 0 })
  expect((await on.end(['check'])).out).toMatch(/nightly\s+job\s+runs at .* \(UTC\)/)
  const { nextEpochMs } = (await jobOf(on, 'nightly'))!
  expect(nextEpochMs).toBeGreaterThan(systemClock.epochMs())
  expect(await on.end(['run', 'nightly', '--', 'sh', '-c', 'test "$TEXT" = good'])).toMatchObject({ code: 0 })
  expect(await on.end(['down'])).toMatchObject({ code: 0 })

  forget(on, 'nightly')
  expect(await up()).toMatchObject({ code: 0 })
  await eventually('the run', async () => (await jobOf(on, 'nightly'))?.last?.outcome === 'succeeded')
  expect((await on.end(['status'])).out).toMatch(/nightly\s+job\s+ready\s+next .*Z, last .*Z succeeded/)
  expect((await on.end(['logs', '--service', 'nightly'])).out).toContain('the run of nightly-1 good undefined')
  on.write(blueprint({ services: services('bad') }))
  expect(await on.end(['apply'])).toMatchObject({ code: 0, out: expect.stringMatching(/nightly\.env\s+live/) })
  expect((await jobOf(on, 'nightly'))?.last?.outcome).toBe('succeeded')
  expect(await on.end(['down'])).toMatchObject({ code: 0 })

  forget(on, 'nightly')
  expect(await up()).toMatchObject({ code: 0 })
  await eventually('the failure', async () => (await jobOf(on, 'nightly'))?.last?.outcome === 'failed')
  expect((await on.end(['status'])).out).toMatch(/! nightly-1 failed: exited with code 3/)
  const { runs } = JSON.parse(readFileSync(join(on.state(), 'jobs/nightly.json'), 'utf8')) as { runs: JobRun[] }
  // For one and the same time of the schedule: only the test has made it forget the first.
  expect(runs).toMatchObject([{ outcome: 'failed', reason: expect.stringContaining('exited with code 3') }])

  on.write(blueprint({ services: { web: WEB } }))
  expect(await on.end(['apply'])).toMatchObject({ code: 0 })
  expect(await jobOf(on, 'nightly')).toBeUndefined()
  expect(await on.end(['down'])).toMatchObject({ code: 0 })
  expect(on.leftovers()).toEqual([])
})
