import { expect, test } from 'vitest'
import type { DatabaseStatus } from '../../src/control/snapshot.ts'
import { databaseEvents } from '../../src/drills/database-events.ts'
import type { DrillReport } from '../../src/drills/drill-report.ts'
import { drillView } from '../../src/drills/drill-view.ts'

const plain = (_style: unknown, text: string): string => text

const REPORT: DrillReport = {
  layout: 1,
  drill: 'failover',
  system: 'shop',
  database: 'orders',
  startedEpochMs: 0,
  events: [
    { afterMs: 12.4, text: 'killed orders-1, the primary' },
    { afterMs: 1_500, text: 'orders-2 is ready as primary' },
  ],
  measured: { timeMs: 400, lossMs: 0, acknowledged: 10, lost: 0, duplicated: 0, unknown: 0 },
  targets: { timeMs: 60_000, lossMs: 0 },
  users: { requests: 20, failed: 1, latencyMsP95: 80 },
  findings: [{ isGood: true, text: 'recovery time 400ms (target 1m)' }],
  state: 'passed',
}

test('a drill is told in the order of what happened, then what it has cost, then the verdict', () => {
  expect(drillView(REPORT, plain).split('\n')).toEqual([
    'Drill failover of orders in shop',
    '',
    '  +12ms  killed orders-1, the primary',
    '  +1.5s  orders-2 is ready as primary',
    '',
    '  ✔ recovery time 400ms (target 1m)',
    '  users meanwhile: 1 of 20 requests failed, p95 of the worst second 80ms',
    '',
    'PASSED: the system came back as the blueprint promises.',
  ])
  const failed = drillView({ ...REPORT, state: 'failed', findings: [{ isGood: false, text: 'lost' }] }, plain)
  expect(failed).toMatch(/ ✘ lost\n[^]*FAILED: /)
})

function database(changes: Partial<DatabaseStatus>): DatabaseStatus {
  return { name: 'orders', state: 'ready', nodes: [], ...changes }
}

test('what a person would notice of a database is told once, with its reason', () => {
  const before = database({
    term: 1,
    nodes: [
      { id: 'orders-1', role: 'primary', state: 'ready' },
      { id: 'orders-2', role: 'standby', state: 'ready' },
      { id: 'orders-3', role: 'replica', state: 'ready' },
    ],
  })
  const now = database({
    term: 2,
    alarm: { reason: 'nobody can take over', sinceEpochMs: 0 },
    nodes: [
      { id: 'orders-1', role: 'replica', state: 'failed', reason: 'it forked' },
      { id: 'orders-2', role: 'primary', state: 'ready' },
    ],
  })
  expect(databaseEvents(before, now)).toEqual([
    'orders-1 is failed as replica: it forked',
    'orders-2 is ready as primary',
    'orders-3 is gone',
    'term 2 has begun',
    'alarm: nobody can take over',
  ])
  expect(databaseEvents(now, now)).toEqual([])
  expect(databaseEvents(now, database({ term: 2, nodes: now.nodes }))).toEqual(['the alarm is over'])
})
