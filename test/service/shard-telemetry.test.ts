import diagnostics from 'node:diagnostics_channel'
import { expect, test } from 'vitest'
import { checkFrame } from '../../src/control/check-frame.ts'
import { measureShards } from '../../src/service/shard-telemetry.ts'
import { ROUTED_CHANNEL } from '../../src/shards/routed-event.ts'

test('what goes to each shard is counted, and a key that has much of it shows, without its name', () => {
  const measured = measureShards({ service: 'api', instance: 'api-1' })
  const channel = diagnostics.channel(ROUTED_CHANNEL)
  for (let n = 0; n < 1_000; n++) {
    channel.publish({ database: 'orders', shard: 2, bucket: 1, key: n % 4 === 0 ? 'much' : n })
  }
  channel.publish({ database: 'orders', shard: 0, bucket: 9, key: 7 })
  const samples = measured()
  expect(() => checkFrame({ atEpochMs: 0, source: 'instance/api-1', samples })).not.toThrow()
  const labels = { service: 'api', instance: 'api-1', database: 'orders' }
  expect(samples).toMatchObject([
    { name: 'tenfold.shards.routed', labels: { ...labels, shard: '2' }, value: 1_000 },
    { name: 'tenfold.shards.key_share_max', labels: { ...labels, shard: '2' } },
    { name: 'tenfold.shards.routed', labels: { ...labels, shard: '0' }, value: 1 },
  ])
  const { value } = samples[1] as { value: number }
  expect(value).toBeGreaterThan(0.2)
  expect(value).toBeLessThanOrEqual(0.25)
  expect(JSON.stringify(samples)).not.toContain('much')
  expect(measured()).toEqual([])
})
