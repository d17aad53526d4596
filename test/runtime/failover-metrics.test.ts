import { expect, test } from 'vitest'
import type { MetricFrame } from '../../src/control/metric-frame.ts'
import type { DatabaseStatus } from '../../src/control/snapshot.ts'
import { createFailoverMetrics } from '../../src/runtime/failover-metrics.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'

test('a database with followers reports its term, its failovers and whether writes are protected', async () => {
  const clock = virtualClock()
  const alarm = { reason: 'no standby has all writes', sinceEpochMs: 1 }
  const databases: readonly DatabaseStatus[] = [
    { name: 'orders', state: 'ready', nodes: [], term: 2, failovers: 1, alarm },
    { name: 'alone', state: 'ready', nodes: [] },
  ]
  const frames: MetricFrame[] = []
  const metrics = createFailoverMetrics({ databases: () => databases, append: (frame) => frames.push(frame), clock })
  await metrics.start()
  await clock.advance(1_000)
  await metrics.stop()
  await clock.advance(1_000)
  expect(frames).toHaveLength(1)
  expect(frames[0]).toMatchObject({ source: 'cluster/orders' })
  expect(frames[0]?.samples.map((sample) => [sample.name, 'value' in sample ? sample.value : undefined])).toEqual([
    ['tenfold.database.term', 2],
    ['tenfold.database.failovers', 1],
    ['tenfold.database.protected', 0],
  ])
})
