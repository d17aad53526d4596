import type { Clock } from '../core/clock.ts'
import type { Component } from '../core/component.ts'
import type { MetricFrame } from '../control/metric-frame.ts'
import type { QueuesReading } from '../queues/queue-lag.ts'
import { queueLagBetween } from '../queues/queue-lag.ts'
import type { LagsOfQueues } from './queue-frame.ts'
import { queueFrame } from './queue-frame.ts'
import type { ReadSource } from './read-every-second.ts'
import { readEverySecond } from './read-every-second.ts'

/** Queues whose lags are read; the name is that of the database or server that they are in. */
export interface WatchedQueues extends Omit<ReadSource<QueuesReading>, 'took'> {
  /** The queue whose items only wait here on their way to it; undefined: it is here. */
  readonly outboxOf: (queue: string) => string | undefined
}

/** @see createQueueMetrics */
export interface QueueMetricsOptions {
  /** Those that answer now; asked every second. */
  readonly queues: () => readonly WatchedQueues[]
  readonly append: (frame: MetricFrame) => void
  /** Gets what was read, after its frame. */
  readonly onLags?: (lags: LagsOfQueues) => void
  readonly clock: Clock
}

/** Reports the lags of queues once a second; a database that does not answer has no frames. */
export function createQueueMetrics({ queues, append, onLags, clock }: QueueMetricsOptions): Component {
  const source = (watched: WatchedQueues): ReadSource<QueuesReading> => ({
    ...watched,
    took(now, before) {
      const { name: database, outboxOf } = watched
      const lags = { database, outboxOf, before, now, queues: queueLagBetween(before, now) }
      append(queueFrame(lags, clock.epochMs()))
      onLags?.(lags)
    },
  })
  return readEverySecond(() => queues().map(source), clock)
}
