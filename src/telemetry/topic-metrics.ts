import type { Clock } from '../core/clock.ts'
import type { Component } from '../core/component.ts'
import type { MetricFrame } from '../control/metric-frame.ts'
import type { LagReading } from '../topics/lag.ts'
import { lagBetween } from '../topics/lag.ts'
import type { ReadSource } from './read-every-second.ts'
import { readEverySecond } from './read-every-second.ts'
import type { LagsOfLog } from './topic-frame.ts'
import { topicFrame } from './topic-frame.ts'

/** A log whose lags are read; its name is that of the database or server that it is in. */
export interface WatchedLog extends Omit<ReadSource<LagReading>, 'took'> {
  readonly isOutbox: LagsOfLog['isOutbox']
}

/** @see createTopicMetrics */
export interface TopicMetricsOptions {
  /** Those that answer now; asked every second. */
  readonly logs: () => readonly WatchedLog[]
  readonly append: (frame: MetricFrame) => void
  /** Gets what was read, after its frame. */
  readonly onLags?: (lags: LagsOfLog) => void
  readonly clock: Clock
}

/** Reports the lags of every log once a second; a log that does not answer has no frames. */
export function createTopicMetrics({ logs, append, onLags, clock }: TopicMetricsOptions): Component {
  const source = (log: WatchedLog): ReadSource<LagReading> => ({
    ...log,
    took(now, before) {
      const lags = { log: log.name, isOutbox: log.isOutbox, before, now, groups: lagBetween(before, now) }
      append(topicFrame(lags, clock.epochMs()))
      onLags?.(lags)
    },
  })
  return readEverySecond(() => logs().map(source), clock)
}
