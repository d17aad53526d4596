import type { ResolvedTopic } from '../blueprint/resolved-blueprint.ts'
import type { OutboxStatus, TopicGroupStatus, TopicStatus } from '../control/topic-status.ts'
import type { LagsOfLog } from '../telemetry/topic-frame.ts'
import type { GroupLag } from '../topics/lag.ts'
import { joinLags } from '../topics/lag.ts'

/** The topics of a blueprint as the snapshot shows them, from the last reading of each log. Pure. */
export function topicStatuses(
  topics: Readonly<Record<string, ResolvedTopic>>,
  latest: ReadonlyMap<string, LagsOfLog>,
): Readonly<Record<string, TopicStatus>> {
  return Object.fromEntries(
    Object.values(topics).map(({ name, partitions, engine: { database } }) => {
      const published = publishedPerSecond(name, latest)
      return [
        name,
        {
          name,
          partitions,
          database,
          ...(published === undefined ? {} : { publishedPerSecond: published }),
          groups: lagsOfTopic(name, latest).map(groupStatus),
          outboxes: [...latest.values()].flatMap((each) => outboxStatuses(name, each)),
        },
      ]
    }),
  )
}

/** Each group on a topic, wherever its events are: while it moves they are in two logs. Pure. */
export function lagsOfTopic(name: string, latest: ReadonlyMap<string, LagsOfLog>): readonly GroupLag[] {
  const lags = [...latest.values()].flatMap(({ groups, isOutbox }) =>
    groups.filter(({ topic, group }) => topic === name && !isOutbox(topic, group)),
  )
  return [...Map.groupBy(lags, ({ group }) => group).values()].map(joinLags)
}

/** Where it is published for good, not where it only waits for that. */
function publishedPerSecond(name: string, latest: ReadonlyMap<string, LagsOfLog>): number | undefined {
  const rates = [...latest.values()].flatMap(({ isOutbox, before, now }) => {
    const of = (reading: LagsOfLog['now'] | undefined): bigint | undefined =>
      reading?.topics.find(({ topic }) => topic === name)?.published
    const [then, present] = [of(before), of(now)]
    if (isOutbox(name) || before === undefined || then === undefined || present === undefined) return []
    return [(Number(present - then) * 1_000) / (now.atMs - before.atMs)]
  })
  return rates.length === 0 ? undefined : rounded(rates.reduce((sum, rate) => sum + rate, 0))
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
  return groups.flatMap(({ topic, group, messages, oldestAgeMs }) =>
    topic === name && messages > 0 && isOutbox(topic, group)
      ? [{ database: log, messages, oldestAgeMs: Math.round(oldestAgeMs) }]
      : [],
  )
}

function rounded(rate: number): number {
  return Number(rate.toPrecision(3))
}
