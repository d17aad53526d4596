import type { PartsContext } from './parts-context.ts'
import { didYouMean } from '../core/did-you-mean.ts'
import { TenfoldError } from '../core/errors.ts'
import { connectDatabase } from '../sql/database.ts'
import type { DeadLetter, RedriveSelection } from '../topics/dead-letters.ts'
import { groupUnknown } from '../topics/group-unknown.ts'
import type { GroupLag } from '../topics/lag.ts'
import { createPostgresOperations } from '../topics/logs/postgres/operations.ts'
import { createPostgresLog } from '../topics/logs/postgres/postgres-log.ts'
import type { StoredEvent, TopicLog } from '../topics/topic-log.ts'
import type { PeekOptions, TopicOperations } from '../topics/topic-operations.ts'
import type { TopicLags } from './topic-lags.ts'

/** What people do with the topics of a running system. Every method throws TF_TOPIC_UNKNOWN, with what was probably meant. */
export interface TopicOperating {
  /** As of the last second: each partition of each group. */
  lag(topic: string): readonly GroupLag[]
  peek(topic: string, options: PeekOptions): Promise<readonly StoredEvent[]>
  /** Of one group, or all. @throws TF_GROUP_UNKNOWN */
  dead(topic: string, options: { readonly group?: string | undefined; readonly max: number }): Promise<GroupLetters[]>
  /** @returns how many are tried again. @throws TF_GROUP_UNKNOWN */
  redrive(topic: string, group: string | undefined, selection: RedriveSelection): Promise<GroupOutcome>
  /** Forgets a group: nothing is kept for it any more. @throws TF_GROUP_UNKNOWN, TF_GROUP_BUSY */
  dropGroup(topic: string, group: string): Promise<{ group: string }>
  /** @throws TF_GROUP_UNKNOWN */
  replay(topic: string, group: string | undefined, to: Parameters<TopicLog['moveGroup']>[2]): Promise<{ group: string }>
}

export interface GroupLetters {
  readonly group: string
  readonly letters: readonly DeadLetter[]
}

export interface GroupOutcome {
  readonly group: string
  readonly count: number
}

/** Operates the topics of a blueprint, each by a connection of its own to the database that holds it. */
export function createTopicOperating(
  context: Pick<PartsContext, 'blueprint'>,
  { lags, ownerUrl }: { readonly lags: Pick<TopicLags, 'latest'>; readonly ownerUrl: (database: string) => string },
): TopicOperating {
  function databaseOf(topic: string): string {
    const { topics } = context.blueprint
    if (Object.hasOwn(topics, topic)) return topics[topic]!.engine.database
    const meant = didYouMean(topic, Object.keys(topics))
    const known = Object.keys(topics).join(', ') || 'there is none'
    throw new TenfoldError('TF_TOPIC_UNKNOWN', `expected a topic of the blueprint (${known}), got ${topic}`, {
      hint: meant === undefined ? 'name one of them' : `did you mean ${meant}?`,
      details: { topic },
    })
  }

  async function on<Result>(topic: string, work: (log: TopicLog, operations: TopicOperations) => Promise<Result>) {
    const url = ownerUrl(databaseOf(topic))
    const database = connectDatabase({ url, connectionsMax: 2 }, { applicationName: 'tenfold topics' })
    const log = createPostgresLog(database)
    try {
      return await work(log, createPostgresOperations(database))
    } finally {
      await log.end()
      await database.end()
    }
  }

  /** Without a name the only one; nothing is guessed. */
  async function groupOf(topic: string, group: string | undefined, operations: TopicOperations): Promise<string> {
    const known = await operations.groups(topic)
    if (group !== undefined && known.includes(group)) return group
    if (group !== undefined) throw groupUnknown(topic, group, known)
    const [only, ...more] = known
    if (only !== undefined && more.length === 0) return only
    throw new TenfoldError(
      'TF_USAGE',
      `expected a group of ${topic} (${known.join(', ') || 'there is none'}), got none`,
      {
        hint: known.length === 0 ? 'start a service that consumes it' : 'name it with --group',
      },
    )
  }

  return {
    lag(topic) {
      const { groups = [] } = lags.latest().get(databaseOf(topic)) ?? {}
      return groups.filter((group) => group.topic === topic)
    },
    peek: (topic, options) => on(topic, (_log, operations) => operations.peek(topic, options)),
    dead: (topic, { group, max }) =>
      on(topic, async (log, operations) => {
        const known = await operations.groups(topic)
        if (group !== undefined && !known.includes(group)) throw groupUnknown(topic, group, known)
        const found: GroupLetters[] = []
        for (const name of group === undefined ? known : [group]) {
          const letters = await (await log.deadLetters(topic, name)).list({ max })
          if (letters.length > 0 || group !== undefined) found.push({ group: name, letters })
        }
        return found
      }),
    redrive: (topic, given, selection) =>
      on(topic, async (log, operations) => {
        const group = await groupOf(topic, given, operations)
        const letters = await log.deadLetters(topic, group)
        return { group, count: await letters.redrive(selection) }
      }),
    dropGroup: (topic, group) =>
      on(topic, async (_log, operations) => {
        await operations.dropGroup(topic, group)
        return { group }
      }),
    replay: (topic, given, to) =>
      on(topic, async (log, operations) => {
        const group = await groupOf(topic, given, operations)
        await log.moveGroup(topic, group, to)
        return { group }
      }),
  }
}
