import type { MetricFrame, MetricSample } from '../control/metric-frame.ts'
import type { MetricName } from '../control/metric-names.ts'
import type { QueueLag, QueuesReading } from '../queues/queue-lag.ts'

/** What was read of the queues of one database. */
export interface LagsOfQueues {
  readonly database: string
  /** The queue whose items only wait here on their way to it; undefined: it is here. */
  readonly outboxOf: (queue: string) => string | undefined
  readonly before: QueuesReading | undefined
  readonly now: QueuesReading
  readonly queues: readonly QueueLag[]
}

/** What two readings of queues say; without one before there are only levels. Pure. */
export function queueFrame(lags: LagsOfQueues, atEpochMs: number): MetricFrame {
  const { database, outboxOf, before, now, queues } = lags
  const seconds = before === undefined ? 0 : (now.atMs - before.atMs) / 1_000
  return {
    atEpochMs,
    source: `queues/${database}`,
    samples: queues.flatMap((lag) => {
      const home = outboxOf(lag.queue)
      return home === undefined ? queueSamples(lag, seconds) : levels(lag, { queue: home, outbox: database })
    }),
  }
}

function queueSamples(lag: QueueLag, seconds: number): MetricSample[] {
  const { queue, running, workers, deadLetters, rates } = lag
  return [
    ...levels(lag, { queue }),
    sample('tenfold.queue.running', running, { queue }),
    sample('tenfold.queue.workers', workers, { queue }),
    sample('tenfold.queue.dead_letters', deadLetters, { queue }),
    ...(rates === undefined ? [] : [sample('tenfold.queue.finished', rates.finishedPerSecond * seconds, { queue })]),
    ...(rates === undefined || rates.drainMs === Infinity
      ? []
      : [sample('tenfold.queue.lag.drain', rates.drainMs / 1_000, { queue })]),
  ]
}

type Labels = Readonly<Record<string, string>>

function levels({ messages, oldestAgeMs, delayed }: QueueLag, labels: Labels): MetricSample[] {
  return [
    sample('tenfold.queue.lag', messages, labels),
    sample('tenfold.queue.lag.age', oldestAgeMs / 1_000, labels),
    sample('tenfold.queue.delayed', delayed, labels),
  ]
}

function sample(name: MetricName, value: number, labels: Labels): MetricSample {
  return { name, labels, value }
}
