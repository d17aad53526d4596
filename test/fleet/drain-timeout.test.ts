import { expect, test } from 'vitest'
import { drainTimeoutMsOf } from '../../src/fleet/drain-timeout.ts'

test.each([
  ['30 seconds, as downloads have no time-out', 5_000, undefined, 30_000],
  ['as long as any request of the service may', 45_000, { '/quick': 1_000 }, 45_000],
  ['as long as any of its routes allows', 10_000, { '/quick': 1_000, '/report': 120_000 }, 120_000],
  ['10 minutes at most', 10_000, { '/report': 3_600_000 }, 600_000],
])('a request in flight has %s', (_what, requestTimeoutMs, routeTimeoutsMs, expected) => {
  expect(drainTimeoutMsOf({ requestTimeoutMs, ...(routeTimeoutsMs === undefined ? {} : { routeTimeoutsMs }) })).toBe(
    expected,
  )
})
