import diagnostics from 'node:diagnostics_channel'
import { expect, test } from 'vitest'
import { checkFrame } from '../../src/control/check-frame.ts'
import { measureSql } from '../../src/service/sql-telemetry.ts'
import { createConnectionPool } from '../../src/sql/connection-pool.ts'
import { createLanes } from '../../src/sql/lanes.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'
import { fakeSession } from '../sql/fake-session.ts'

test('what an instance does with its databases is measured, each second by itself', async () => {
  const clock = virtualClock()
  const measured = measureSql({ service: 'api', instance: 'api-1' })
  const pool = createConnectionPool({
    database: 'measured',
    connectionsMax: 1,
    waitingMax: 1,
    acquireTimeoutMs: 1_000,
    idleTimeoutMs: 1_000,
    clock,
    open: async () => fakeSession(),
  })
  const session = await pool.acquire()
  const waiting = pool.acquire()
  await clock.advance(30)
  pool.release(session)
  pool.release(await waiting)
  const lanes = createLanes({
    database: 'measured',
    count: 2,
    clock,
    isElsewhereFree: () => true,
    open: async () => fakeSession(),
  })
  await lanes.query('select 1')
  diagnostics
    .channel('tenfold:sql:lane')
    .publish({ database: 'measured', event: 'handed-on', durationMs: 5, inFlight: 0 })

  const samples = measured()
  const labels = { service: 'api', instance: 'api-1', database: 'measured' }
  expect(() => checkFrame({ atEpochMs: 0, source: 'instance/api-1', samples })).not.toThrow()
  expect(samples).toMatchObject([
    { name: 'db.client.connection.use_time', labels },
    { name: 'db.client.connection.wait_time', labels },
    { name: 'tenfold.sql.lane.duration', labels },
    { name: 'tenfold.sql.lane.handed_on', labels, value: 1 },
  ])
  expect(measured()).toEqual([])
})
