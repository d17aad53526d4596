import { connectKafka } from '../backends/kafka/kafka-connection.ts'
import type { ResolvedOutsideEngine, ResolvedTopic } from '../blueprint/resolved-blueprint.ts'
import { TenfoldError } from '../core/errors.ts'
import { connectDatabase } from '../sql/database.ts'
import { moveToKafka } from '../topics/logs/kafka/move-to-kafka.ts'
import type { TopicMove } from '../topics/logs/postgres/move-topic.ts'
import { finishMove, readMove, returnMove, undrained } from '../topics/logs/postgres/move-topic.ts'

/** What is done about the move of a topic; each is safe to repeat. */
export type MoveStep = 'look' | 'begin' | 'finish' | 'back'

/** How far the move of a topic is. */
export interface TopicMoveStatus {
  readonly topic: string
  /** Where the blueprint has it. */
  readonly to: 'kafka'
  readonly move: TopicMove
  /** Groups and partitions that have not read in PostgreSQL what was there before the move: `'billing/0'`. */
  readonly undrained: readonly string[]
}

/**
 * Carries out one step of moving a topic to the engine that the blueprint has it on.
 *
 * @param places addresses: of the database as its owner, and of the engine
 * @throws TF_USAGE the blueprint does not have it in Kafka
 * @throws TF_TOPIC_MOVING, TF_TOPIC_CHANGED, TF_BROKER_UNREACHABLE
 */
export async function moveTopic(
  { name, engine, retentionMs }: ResolvedTopic,
  step: MoveStep,
  places: { readonly databaseUrl: string; readonly engineUrl: (engine: ResolvedOutsideEngine) => Promise<string> },
): Promise<TopicMoveStatus> {
  if (engine.kind !== 'kafka') throw staysHere(name, engine.kind)
  const database = connectDatabase(
    { url: places.databaseUrl, connectionsMax: 2 },
    { applicationName: 'tenfold topics move' },
  )
  try {
    if (step === 'begin') {
      const connection = connectKafka(await places.engineUrl(engine))
      try {
        await moveToKafka({ database, connection, topic: name, retentionMs })
      } finally {
        await connection.end()
      }
    } else if (step === 'finish') await finishMove(database, name)
    else if (step === 'back') await returnMove(database, name)
    const move = await readMove(database, name)
    return { topic: name, to: engine.kind, move, undrained: move === 'moving' ? await undrained(database, name) : [] }
  } finally {
    await database.end()
  }
}

function staysHere(topic: string, kind: string): TenfoldError {
  return new TenfoldError('TF_USAGE', `expected the blueprint to have ${topic} in Kafka, got ${kind}`, {
    hint: `write engine: 'kafka', url: { env: 'KAFKA_URL' } at topics.${topic}, run "npx tenfold apply", then move it`,
    details: { topic },
  })
}
