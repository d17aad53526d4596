import type { ResolvedOutsideEngine, ResolvedTopic } from '../blueprint/resolved-blueprint.ts'
import type { Notice } from '../control/snapshot.ts'
import { hasCode, TenfoldError } from '../core/errors.ts'
import type { TopicMove } from '../topics/logs/postgres/move-topic.ts'
import { beginElsewhere, isElsewhere, noteEngine, readMove } from '../topics/logs/postgres/move-topic.ts'
import type { TopicDatabase } from '../topics/topic-database.ts'
import { atVariable } from './at-variable.ts'
import { prepareOnEngine } from './prepare-on-engine.ts'

/** What is needed to set up topics on engines elsewhere. */
export interface OutsideSetUp {
  readonly urlOf: (engine: ResolvedOutsideEngine) => Promise<string>
  /** Groups that read a topic. */
  readonly groupsOf: (topic: string) => readonly string[]
  readonly notice: (notice: Omit<Notice, 'atEpochMs'>) => void
}

/**
 * Makes a topic where the blueprint has it, in a database that has its tables. One without events begins there. What is
 * elsewhere is not moved, only said: moving is a command, since it begins something that people want to follow.
 *
 * @throws TF_TOPIC_MOVING the blueprint has it in PostgreSQL, and it has moved
 * @throws TF_PEER_MISSING, TF_SECRET_MISSING, TF_BROKER_UNREACHABLE, TF_BROKER_REFUSED, TF_TOPIC_CHANGED
 */
export async function setUpTopicPlace(
  database: TopicDatabase,
  topic: ResolvedTopic,
  { urlOf, groupsOf, notice }: OutsideSetUp,
): Promise<void> {
  const { name, engine } = topic
  const move = await readMove(database, name)
  if (engine.kind === 'postgres') {
    if (isElsewhere(move)) throw isGone(name, move)
    return
  }
  const held = await noteEngine(database, name, engine.kind)
  if (held !== engine.kind) throw isOnAnother(name, engine, held)
  try {
    await prepareOnEngine(topic, { kind: engine.kind, url: await urlOf(engine), groups: groupsOf(name) })
  } catch (error) {
    const failure = atVariable(`topic ${name}`, engine.urlVariable, error)
    // What was made before is there when the brokers are: a system starts, and is changed, while they are away.
    if (!isElsewhere(move) || !hasCode(failure, 'TF_BROKER_UNREACHABLE')) throw failure
    notice({ level: 'warning', about: `topic ${name}`, message: failure.message })
  }
  if (isElsewhere(move) || (await beginElsewhere(database, name))) return
  if (engine.kind !== 'kafka') throw cannotMove(name, engine)
  notice({
    level: 'warning',
    about: `topic ${name}`,
    message: `${name} is still in PostgreSQL (${engine.database}), with its events`,
    hint: `run "npx tenfold topics move ${name}", or remove its 'engine' and 'url'`,
  })
}

function isOnAnother(topic: string, { kind }: ResolvedOutsideEngine, held: string): TenfoldError {
  return new TenfoldError(
    'TF_TOPIC_CHANGED',
    `expected topic ${topic} to be on ${held}, which has its events, got ${kind}`,
    {
      hint: `write engine: '${held}' again, or give the topic on ${kind} another name`,
      details: { topic, engine: kind, present: held },
    },
  )
}

function cannotMove(topic: string, { kind, database }: ResolvedOutsideEngine): TenfoldError {
  return new TenfoldError(
    'TF_TOPIC_CHANGED',
    `expected ${topic} to be new, since the events of a topic do not move to ${kind}, got one that is used in ${database}`,
    {
      hint: 'give the new topic another name, let services read both and write the new one, then remove the old one',
      details: { topic, engine: kind },
    },
  )
}

function isGone(topic: string, move: TopicMove): TenfoldError {
  const isBack = move === 'moving'
  return new TenfoldError(
    'TF_TOPIC_MOVING',
    `expected ${topic} to be in PostgreSQL, as the blueprint has it, but it ${isBack ? 'is moving' : 'has moved'} to another engine`,
    {
      hint: isBack
        ? `write its 'engine' and 'url' again; then "npx tenfold topics move ${topic} --back --yes" lets it return`
        : "write its 'engine' and 'url' again, or publish to a topic with another name",
      details: { topic, move },
    },
  )
}
