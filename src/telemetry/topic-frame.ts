import type { MetricFrame, MetricSample } from '../control/metric-frame.ts'
import type { MetricName } from '../control/metric-names.ts'
import type { GroupLag, LagReading } from '../topics/lag.ts'

/** Partitions of groups in one frame; beyond, there are only sums. */
const PARTITIONS_MAX = 500

/** What was read of one log. */
export interface LagsOfLog {
  /** The database or server that it is in. */
  readonly log: string
  /** Whether the events of this topic only wait here for their own log, or this group only carries them there. */
  readonly isOutbox: (topic: string, group?: string) => boolean
  readonly before: LagReading | undefined
  readonly now: LagReading
  readonly groups: readonly GroupLag[]
}

/** What two readings of a log say; without one before there are only levels. Pure. */
export function topicFrame({ log, isOutbox, before, now, groups }: LagsOfLog, atEpochMs: number): MetricFrame {
  const labelsOf: LabelsOf = ({ topic, group }) => ({
    topic,
    group,
    ...(isOutbox(topic, group) ? { outbox: log } : {}),
  })
  const seconds = before === undefined ? 0 : (now.atMs - before.atMs) / 1_000
  const earlier = new Map(before?.topics.map(({ topic, published }) => [topic, published]))
  const partitions = groups.reduce((sum, group) => sum + group.partitions.length, 0)
  return {
    atEpochMs,
    source: `topics/${log}`,
    samples: [
      ...now.topics.flatMap(({ topic, published }) => {
        const former = earlier.get(topic)
        // What passes through an outbox is published once.
        return former === undefined || isOutbox(topic)
          ? []
          : [sample('tenfold.topic.published', Number(published - former), { topic })]
      }),
      ...groups.flatMap((group) => groupSamples(group, labelsOf(group), seconds)),
      ...(partitions > PARTITIONS_MAX ? [] : groups.flatMap((group) => partitionSamples(group, labelsOf(group)))),
    ],
  }
}

type Labels = Readonly<Record<string, string>>
type LabelsOf = (group: GroupLag) => Labels

function groupSamples(lag: GroupLag, labels: Labels, seconds: number): MetricSample[] {
  const { messages, oldestAgeMs, members, deadLetters, rates } = lag
  return [
    sample('tenfold.topic.lag', messages, labels),
    sample('tenfold.topic.lag.age', oldestAgeMs / 1_000, labels),
    sample('tenfold.topic.members', members, labels),
    sample('tenfold.topic.dead_letters', deadLetters, labels),
    ...(rates === undefined ? [] : [sample('tenfold.topic.finished', rates.finishedPerSecond * seconds, labels)]),
    ...(rates === undefined || rates.drainMs === Infinity
      ? []
      : [sample('tenfold.topic.lag.drain', rates.drainMs / 1_000, labels)]),
  ]
}

function partitionSamples({ partitions }: GroupLag, ofGroup: Labels): MetricSample[] {
  return partitions.flatMap(({ partition, messages, oldestAgeMs }) => {
    const labels = { ...ofGroup, partition: String(partition) }
    return [
      sample('tenfold.topic.partition.lag', messages, labels),
      sample('tenfold.topic.partition.lag.age', oldestAgeMs / 1_000, labels),
    ]
  })
}

function sample(name: MetricName, value: number, labels: Labels): MetricSample {
  return { name, labels, value }
}
