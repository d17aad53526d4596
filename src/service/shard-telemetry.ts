import { subscribe } from 'node:diagnostics_channel'
import type { MetricSample } from '../control/metric-frame.ts'
import type { RoutedEvent } from '../shards/routed-event.ts'
import { ROUTED_CHANNEL } from '../shards/routed-event.ts'
import type { HeavyHitters } from '../shards/skew/heavy-hitters.ts'
import { createHeavyHitters } from '../shards/skew/heavy-hitters.ts'

/** What went to one shard since it was last asked. */
interface Measured {
  readonly database: string
  readonly shard: number
  routed: number
  /** Over some time, since the last share was told. */
  readonly keys: HeavyHitters<unknown>
}

/** Shards of all databases; what is beyond is not measured. */
const SHARDS_MAX = 256
/** Any key with more than 1 in so many is found. */
const KEYS_WATCHED = 32
/** The share of a key among fewer than these says nothing. */
const SHARE_OF_MIN = 500

/**
 * Listens to where the keys of this process go. Keys themselves are not told, since they may say who somebody is.
 *
 * @returns what has been measured since the last call, with these labels
 */
export function measureShards(labels: Readonly<Record<string, string>>): () => MetricSample[] {
  const shards = new Map<string, Map<number, Measured>>()
  let count = 0

  function of(database: string, shard: number): Measured | undefined {
    const its = shards.get(database) ?? new Map<number, Measured>()
    const known = its.get(shard)
    if (known !== undefined || count >= SHARDS_MAX) return known
    const fresh = { database, shard, routed: 0, keys: createHeavyHitters(KEYS_WATCHED) }
    shards.set(database, its.set(shard, fresh))
    count++
    return fresh
  }

  subscribe(ROUTED_CHANNEL, (message) => {
    const { database, shard, key } = message as RoutedEvent
    const measured = of(database, shard)
    if (measured === undefined) return
    measured.routed++
    measured.keys.add(key)
  })

  return () => {
    const samples: MetricSample[] = []
    for (const measured of [...shards.values()].flatMap((its) => [...its.values()])) {
      const { database, shard, routed, keys } = measured
      const at = { ...labels, database, shard: String(shard) }
      if (routed > 0) samples.push({ name: 'tenfold.shards.routed', labels: at, value: routed })
      measured.routed = 0
      if (keys.total < SHARE_OF_MIN) continue
      const [hottest] = keys.top(1)
      samples.push({ name: 'tenfold.shards.key_share_max', labels: at, value: (hottest?.countMin ?? 0) / keys.total })
      keys.reset()
    }
    return samples
  }
}
