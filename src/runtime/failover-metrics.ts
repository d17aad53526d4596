import type { MetricFrame } from '../control/metric-frame.ts'
import type { DatabaseStatus } from '../control/snapshot.ts'
import type { Cancel, Clock } from '../core/clock.ts'
import type { Component } from '../core/component.ts'

/** Reports once a second who leads each database that has followers, and whether its writes are protected. */
export function createFailoverMetrics(options: {
  readonly databases: () => Iterable<DatabaseStatus>
  readonly append: (frame: MetricFrame) => void
  readonly clock: Clock
}): Component {
  const { databases, append, clock } = options
  let cancel: Cancel | undefined

  function report(): void {
    for (const { name, term, failovers = 0, alarm } of databases()) {
      if (term === undefined) continue
      const labels = { database: name }
      append({
        atEpochMs: clock.epochMs(),
        source: `cluster/${name}`,
        samples: [
          { name: 'tenfold.database.term', labels, value: term },
          { name: 'tenfold.database.failovers', labels, value: failovers },
          { name: 'tenfold.database.protected', labels, value: alarm === undefined ? 1 : 0 },
        ],
      })
    }
  }

  return {
    start() {
      cancel ??= clock.every(1_000, report, { unref: true })
      return Promise.resolve()
    },
    stop() {
      cancel?.()
      cancel = undefined
      return Promise.resolve()
    },
  }
}
