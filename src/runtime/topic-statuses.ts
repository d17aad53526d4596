import type { ResolvedTopic } from '../blueprint/resolved-blueprint.ts'
import type { OutboxStatus, TopicGroupStatus, TopicStatus } from '../control/topic-status.ts'
import type { LagsOfLog } from '../telemetry/topic-frame.ts'
import type { GroupLag } from '../topics/lag.ts'

/** The topics of a blueprint as the snapshot shows them, from the last reading of each log. Pure. */
export function topicStatuses(
  topics: Readonly<Record<string, ResolvedTopic>>,
  latest: ReadonlyMap<string, LagsOfLog>,
): Readonly<Record<string, TopicStatus>> {
  return Object.fromEntries(
    Object.values(topics).map(({ name, partitions, engine: { database } }) => {
      const lags = latest.get(database)
      const published = publishedPerSecond(name, lags)
      const groups = (lags?.groups ?? []).filter(({ topic }) => topic === name)
      return [
        name,
        {
          name,
          partitions,
          database,
          ...(published === undefined ? {} : { publishedPerSecond: published }),
          groups: groups.map(groupStatus),
          outboxes: [...latest.values()].flatMap((each) => outboxStatuses(name, each)),
        },
      ]
    }),
  )
}

function publishedPerSecond(name: string, lags: LagsOfLog | undefined): number | undefined {
  if (lags?.before === undefined) return undefined
  const of = (reading: LagsOfLog['now']): bigint | undefined =>
    reading.topics.find(({ topic }) => topic === name)?.published
  const [before, now] = [of(lags.before), of(lags.now)]
  if (before === undefined || now === undefined) return undefined
  return rounded((Number(now - before) * 1_000) / (lags.now.atMs - lags.before.atMs))
}

function groupStatus({
  group,
  messages,
  isMore,
  oldestAgeMs,
  members,
  deadLetters,
  rates,
}: GroupLag): TopicGroupStatus {
  const finished = rates === undefined ? {} : { finishedPerSecond: rounded(rates.finishedPerSecond) }
  return { group, messages, isMore, oldestAgeMs: Math.round(oldestAgeMs), members, deadLetters, ...finished }
}

function outboxStatuses(name: string, { log, isOutbox, groups }: LagsOfLog): readonly OutboxStatus[] {
  if (!isOutbox(name)) return []
  return groups.flatMap(({ topic, messages, oldestAgeMs }) =>
    topic === name && messages > 0 ? [{ database: log, messages, oldestAgeMs: Math.round(oldestAgeMs) }] : [],
  )
}

function rounded(rate: number): number {
  return Number(rate.toPrecision(3))
}
