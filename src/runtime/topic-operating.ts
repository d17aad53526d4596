import { consumersOf } from '../blueprint/consumers-of.ts'
import type { ResolvedTopic } from '../blueprint/resolved-blueprint.ts'
import { didYouMean } from '../core/did-you-mean.ts'
import { TenfoldError } from '../core/errors.ts'
import { connectDatabase } from '../sql/database.ts'
import type { DeadLetter, RedriveSelection } from '../topics/dead-letters.ts'
import { groupUnknown } from '../topics/group-unknown.ts'
import type { GroupLag } from '../topics/lag.ts'
import { createKafkaLog } from '../topics/logs/kafka/kafka-log.ts'
import { createMovingLog } from '../topics/logs/moving-log.ts'
import { isElsewhere, readMove } from '../topics/logs/postgres/move-topic.ts'
import { createPostgresOperations } from '../topics/logs/postgres/operations.ts'
import { createPostgresLog } from '../topics/logs/postgres/postgres-log.ts'
import { createRabbitLog } from '../topics/logs/rabbitmq/rabbit-log.ts'
import type { StoredEvent, TopicLog } from '../topics/topic-log.ts'
import type { PeekOptions, TopicOperations } from '../topics/topic-operations.ts'
import type { EngineUrls } from './engine-urls.ts'
import type { MoveStep, TopicMoveStatus } from './move-topic.ts'
import { moveTopic } from './move-topic.ts'
import { kafkaOperations, rabbitOperations } from './outside-operations.ts'
import type { PartsContext } from './parts-context.ts'
import type { TopicLags } from './topic-lags.ts'
import { lagsOfTopic } from './topic-statuses.ts'

/** What people do with the topics of a running system. Every method throws TF_TOPIC_UNKNOWN, with what was probably meant. */
export interface TopicOperating {
  /** As of the last second: each partition of each group. */
  lag(topic: string): readonly GroupLag[]
  /** @throws TF_TOPIC_UNSUPPORTED it is on RabbitMQ */
  peek(topic: string, options: PeekOptions): Promise<readonly StoredEvent[]>
  /** Of one group, or all. @throws TF_GROUP_UNKNOWN */
  dead(topic: string, options: { readonly group?: string | undefined; readonly max: number }): Promise<GroupLetters[]>
  /** @returns how many are tried again. @throws TF_GROUP_UNKNOWN */
  redrive(topic: string, group: string | undefined, selection: RedriveSelection): Promise<GroupOutcome>
  /** Forgets a group: nothing is kept for it any more. @throws TF_GROUP_UNKNOWN, TF_GROUP_BUSY */
  dropGroup(topic: string, group: string): Promise<{ group: string }>
  /** @throws TF_GROUP_UNKNOWN */
  replay(topic: string, group: string | undefined, to: Parameters<TopicLog['moveGroup']>[2]): Promise<{ group: string }>
  /** Moves the topic to the engine that the blueprint has it on, or looks how far that is. Throws as `moveTopic`. */
  move(topic: string, step: MoveStep): Promise<TopicMoveStatus>
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
  {
    lags,
    ownerUrl,
    engineUrls,
  }: {
    readonly lags: Pick<TopicLags, 'latest'>
    readonly ownerUrl: (database: string) => string
    readonly engineUrls: EngineUrls
  },
): TopicOperating {
  function topicNamed(topic: string): ResolvedTopic {
    const { topics } = context.blueprint
    if (Object.hasOwn(topics, topic)) return topics[topic]!
    const meant = didYouMean(topic, Object.keys(topics))
    const known = Object.keys(topics).join(', ') || 'there is none'
    throw new TenfoldError('TF_TOPIC_UNKNOWN', `expected a topic of the blueprint (${known}), got ${topic}`, {
      hint: meant === undefined ? 'name one of them' : `did you mean ${meant}?`,
      details: { topic },
    })
  }

  async function on<Result>(
    topic: string,
    work: (log: TopicLog, operations: TopicOperations) => Promise<Result>,
  ): Promise<Result> {
    const { engine, partitions } = topicNamed(topic)
    const engineAt = engine.kind === 'postgres' ? undefined : await engineUrls.read(engine)
    const url = ownerUrl(engine.database)
    const database = connectDatabase({ url, connectionsMax: 2 }, { applicationName: 'tenfold topics' })
    const operations = createPostgresOperations(database)
    const from = createPostgresLog(database)
    try {
      if (engineAt === undefined) return await work(from, operations)
      if (engine.kind === 'rabbitmq') {
        const groups = consumersOf(context.blueprint.services, topic)
        const log = createRabbitLog(engineAt, { topics: { [topic]: { partitions, groups } } })
        return await work(log, rabbitOperations({ url: engineAt, topic, partitions, groups })).finally(() => log.end())
      }
      const isThere = isElsewhere(await readMove(database, topic))
      const to = createKafkaLog({ url: engineAt, database })
      const there = isThere ? { ...operations, ...kafkaOperations(engineAt, database) } : operations
      return await work(createMovingLog({ from, database, to }), there).finally(() => to.end())
    } finally {
      await from.end()
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
    lag: (topic) => lagsOfTopic(topicNamed(topic).name, lags.latest()),
    move: (name, step) => {
      const topic = topicNamed(name)
      return moveTopic(topic, step, {
        databaseUrl: ownerUrl(topic.engine.database),
        engineUrl: (engine) => engineUrls.read(engine),
      })
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
