import { expect, test, vi } from 'vitest'
import type { DrillReport } from '../../src/drills/drill-report.ts'
import type { RehearsalReport } from '../../src/rehearsal/rehearsal-report.ts'
import { LOAD, shopWithDatabase } from './shop.ts'
import type { Stage } from './stage.ts'
import { eventually, snapshotOf, stage, TEST_TIMEOUT_MS } from './stage.ts'

vi.setConfig({ testTimeout: 4 * TEST_TIMEOUT_MS })

const ORDERS = {
  migrations: './migrations',
  seed: './seed.js',
  standby: 'synchronous',
  zones: ['a', 'b'],
  // A machine that is busy with other tests takes its time; what counts here is that nothing is lost.
  recovery: { time: '2m', loss: '0s' },
  backup: { to: './backups' },
}

function shop(changes: object = {}): Record<string, string> {
  const web = {
    command: 'node server.js',
    routes: ['/'],
    instances: { min: 2, zones: ['a', 'b'] },
    databases: ['orders'],
  }
  return shopWithDatabase({ ...LOAD, databases: { orders: { ...ORDERS, ...changes } }, services: { web } })
}

async function drill(on: Stage, ...words: string[]): Promise<{ code: number | null; report: DrillReport }> {
  // The drill before may have left what is no failure, and still has to calm down.
  await eventually('the system to be well', async () => (await snapshotOf(on))?.phase === 'running', TEST_TIMEOUT_MS)
  const { code, out, err } = await on.end(['drill', ...words, '--json'], { timeoutMs: 3 * TEST_TIMEOUT_MS })
  expect(out, err).not.toBe('')
  return { code, report: JSON.parse(out) as DrillReport }
}

test('a running system survives each drill, and what was acknowledged is there', async () => {
  const on = stage(shop())
  expect((await on.end(['up', '--port', '0', '--detach'])).code).toBe(0)
  for (const name of ['zone-loss', 'standby-loss', 'restore']) {
    const { code, report } = await drill(on, name)
    expect({ code, name: report.drill, findings: report.findings.filter(({ isGood }) => !isGood) }).toEqual({
      code: 0,
      name,
      findings: [],
    })
    expect(report.measured).toMatchObject({ lost: 0, duplicated: 0, unknown: 0 })
    expect(report.measured.acknowledged).toBeGreaterThan(100)
    expect(report.users?.requests).toBeGreaterThan(0)
  }
  const { out } = await on.end(['sql', 'orders', '-c', "select count(*) from pg_tables where tablename like 'drill%'"])
  expect(out).toMatch(/\b0\b/)

  const rehearsal = await on.end(['rehearse', '--drill', 'failover', '--duration', '6s', '--json'])
  const { drill: happened } = JSON.parse(rehearsal.out) as RehearsalReport
  expect(happened).toMatchObject({ name: 'failover', text: expect.stringMatching(/^killed orders-\d, the primary$/) })
  expect((await on.end(['down'])).code).toBe(0)
  expect(on.leftovers()).toEqual([])
})

test('a drill that would say nothing is refused, with what is missing', async () => {
  const on = stage(shop({ standby: undefined, backup: undefined }))
  expect((await on.end(['up', '--port', '0', '--detach'])).code).toBe(0)
  expect(await on.end(['drill', 'failover'])).toMatchObject({
    code: 1,
    err: expect.stringMatching(/orders has no standby that could take over now.*TF_DRILL_IMPOSSIBLE/s),
  })
  expect(await on.end(['drill', 'restore'])).toMatchObject({
    code: 1,
    err: expect.stringContaining('takes no backups'),
  })
  expect(await on.end(['drill', 'failovr'])).toMatchObject({ code: 2, err: expect.stringContaining('failover?') })
  expect((await on.end(['down'])).code).toBe(0)
})
