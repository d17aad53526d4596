import { subscribe } from 'node:diagnostics_channel'
import type { MetricSample } from '../control/metric-frame.ts'
import type { Histogram } from '../core/histogram.ts'
import { createHistogram } from '../core/histogram.ts'
import type { PoolEvent } from '../sql/pool-event.ts'
import { POOL_CHANNEL } from '../sql/pool-event.ts'
import type { LaneEvent } from '../sql/lanes.ts'
import { LANE_CHANNEL } from '../sql/lanes.ts'

/** What was measured of one database since it was last asked. */
interface Measured {
  readonly waits: Histogram
  readonly uses: Histogram
  readonly lanes: Histogram
  handedOn: number
}

/** A service uses a few databases; what is beyond is not measured. */
const DATABASES_MAX = 64

/**
 * Listens to the connections of this process.
 *
 * @returns what has been measured since the last call, with these labels
 */
export function measureSql(labels: Readonly<Record<string, string>>): () => MetricSample[] {
  const databases = new Map<string, Measured>()

  function of(database: string): Measured | undefined {
    const known = databases.get(database)
    if (known !== undefined || databases.size >= DATABASES_MAX) return known
    const fresh = { waits: createHistogram(), uses: createHistogram(), lanes: createHistogram(), handedOn: 0 }
    databases.set(database, fresh)
    return fresh
  }

  subscribe(POOL_CHANNEL, (message) => {
    const { database, event, waitMs } = message as PoolEvent
    if (event === 'released') of(database)?.uses.record(microseconds(waitMs))
    if (event === 'waited' || event === 'exhausted') of(database)?.waits.record(microseconds(waitMs))
  })
  subscribe(LANE_CHANNEL, (message) => {
    const { database, event, durationMs } = message as LaneEvent
    const measured = of(database)
    if (measured === undefined) return
    if (event === 'answered') measured.lanes.record(microseconds(durationMs))
    else measured.handedOn++
  })

  return () => {
    const samples: MetricSample[] = []
    for (const [database, measured] of databases) {
      const at = { ...labels, database }
      const add = (
        name: 'db.client.connection.use_time' | 'db.client.connection.wait_time' | 'tenfold.sql.lane.duration',
        histogram: Histogram,
      ): void => {
        if (histogram.count === 0) return
        samples.push({ name, labels: at, histogram: histogram.serialise() })
        histogram.reset()
      }
      add('db.client.connection.use_time', measured.uses)
      add('db.client.connection.wait_time', measured.waits)
      add('tenfold.sql.lane.duration', measured.lanes)
      if (measured.handedOn > 0)
        samples.push({ name: 'tenfold.sql.lane.handed_on', labels: at, value: measured.handedOn })
      measured.handedOn = 0
    }
    return samples
  }
}

function microseconds(ms: number): number {
  return Math.max(0, Math.round(ms * 1_000))
}
