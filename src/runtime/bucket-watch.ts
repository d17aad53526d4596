import type { Cancel, Clock } from '../core/clock.ts'
import { SCHEMA } from '../shards/guard.ts'
import type { ShardPlaces } from './shard-places.ts'

/** Looks again and again how many buckets each shard owns, for people. */
export interface BucketWatch {
  start(): void
  /** A look that goes on says nothing any more. */
  stop(): void
}

const INTERVAL_MS = 5_000

export function createBucketWatch(options: {
  readonly places: ShardPlaces
  readonly onBuckets: (shard: number, buckets: number) => void
  readonly clock: Clock
}): BucketWatch {
  const { places, onBuckets, clock } = options
  let cancel: Cancel | undefined
  let looking: Promise<unknown> | undefined

  async function lookAt(shard: number): Promise<void> {
    try {
      const { rows } = await places
        .admin(shard)
        .query<{ buckets: number }>(`select count(*)::int as buckets from ${SCHEMA}.owned where state = 'owned'`)
      if (cancel !== undefined) onBuckets(shard, rows[0]!.buckets)
    } catch {
      // Its state says why it does not answer; the number is that of the last look.
    }
  }

  function look(): void {
    // One that does not answer holds up nobody but the next look.
    looking ??= Promise.all(Array.from({ length: places.count }, (_, shard) => lookAt(shard))).finally(
      () => (looking = undefined),
    )
  }

  return {
    start() {
      cancel ??= clock.every(INTERVAL_MS, look, { unref: true })
      look()
    },
    stop() {
      cancel?.()
      cancel = undefined
    },
  }
}
