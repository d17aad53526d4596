import type { MetricFrame, MetricSample } from '../control/metric-frame.ts'
import type { MetricName } from '../control/metric-names.ts'
import type { GroupLag, LagReading } from '../topics/lag.ts'

/** Partitions of groups in one frame; beyond, there are only sums. */
const PARTITIONS_MAX = 500

/** What two readings of a log say; without one before there are only levels. Pure. */
export function topicFrame(
  log: string,
  { before, now, groups }: { before: LagReading | undefined; now: LagReading; groups: readonly GroupLag[] },
  atEpochMs: number,
): MetricFrame {
  const seconds = before === undefined ? 0 : (now.atMs - before.atMs) / 1_000
  const earlier = new Map(before?.topics.map(({ topic, published }) => [topic, published]))
  const partitions = groups.reduce((sum, group) => sum + group.partitions.length, 0)
  return {
    atEpochMs,
    source: `topics/${log}`,
    samples: [
      ...now.topics.flatMap(({ topic, published }) => {
        const former = earlier.get(topic)
        return former === undefined ? [] : [sample('tenfold.topic.published', Number(published - former), { topic })]
      }),
      ...groups.flatMap((group) => groupSamples(group, seconds)),
      ...(partitions > PARTITIONS_MAX ? [] : groups.flatMap(partitionSamples)),
    ],
  }
}

function groupSamples(lag: GroupLag, seconds: number): MetricSample[] {
  const { topic, group, messages, oldestAgeMs, members, deadLetters, rates } = lag
  const labels = { topic, group }
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

function partitionSamples({ topic, group, partitions }: GroupLag): MetricSample[] {
  return partitions.flatMap(({ partition, messages, oldestAgeMs }) => {
    const labels = { topic, group, partition: String(partition) }
    return [
      sample('tenfold.topic.partition.lag', messages, labels),
      sample('tenfold.topic.partition.lag.age', oldestAgeMs / 1_000, labels),
    ]
  })
}

function sample(name: MetricName, value: number, labels: Readonly<Record<string, string>>): MetricSample {
  return { name, labels, value }
}
