import { TenfoldError } from '../../../core/errors.ts'
import { RELAY_GROUP } from '../../relay-group.ts'
import type { StatementRunner, TopicDatabase } from '../../topic-database.ts'
import { fenceProgress, setProgress } from './move-progress.ts'
import { SCHEMA } from './schema-name.ts'
import { presentPosition } from './ticks.ts'
import { IS_DRAINED, ITS_TOPIC } from './topic-end.ts'

/*
 * Moving a topic to another log while everybody works. `topic.move` has the state:
 *
 * - `none`: groups read the log.
 * - `moving`: the log has an *end*, a snapshot. What is visible there is read here, by everybody who takes a partition,
 *   whatever he knows of the move. What is not is carried to the other log by the relay, whose group begins at the end, and
 *   read there. So the log has become an outbox, and those who publish change nothing.
 * - `moved`: the same, and nobody needs what was before the end any more.
 * - `returned`: the log has no end any more. Groups go on where they were in it: they see again what they have read in the other log.
 *
 * Invariants.
 * 1. Every event is visible at the end or is not: it is read here or there by each group, never in both.
 * 2. Nobody commits progress beyond the end: the transaction that sets it writes a row of progress for every partition of every
 *    group, which fences those who have it; the snapshot is taken after that, and whoever takes a partition later is told.
 * 3. A group reads a partition of the other log only when it is *drained* here: its progress is the end itself. Then no
 *    member takes it here any more. So the order of keys stands, since both logs have the same partitions.
 * 4. While a topic is moving, slices from the end on are kept, since groups stand there: the way back loses nothing. Effects of what
 *    is seen again are in the inbox, and claims say that it has to be asked (`mayRepeat`).
 */

export type TopicMove = 'none' | 'moving' | 'moved' | 'returned'

/** Whether the topic goes on in the other log. */
export function isElsewhere(move: TopicMove): boolean {
  return move === 'moving' || move === 'moved'
}

/** @throws TF_TOPIC_UNKNOWN never: a topic that is not there is not moved */
export async function readMove(runner: StatementRunner, topic: string): Promise<TopicMove> {
  const { rows } = await runner.query<{ move: TopicMove }>(`select move from ${SCHEMA}.topic where name = $1`, [topic])
  return rows[0]?.move ?? 'none'
}

/** Those of some topics that go on in the other log. */
export async function topicsElsewhere(runner: StatementRunner, topics: readonly string[]): Promise<readonly string[]> {
  const { rows } = await runner.query<{ name: string; move: TopicMove }>(
    `select name, move from ${SCHEMA}.topic where name = any ($1) order by name`,
    [topics],
  )
  return rows.filter(({ move }) => isElsewhere(move)).map(({ name }) => name)
}

/** Sets the end of a topic. From now on it goes on in the other log, which has to be there, and empty. Safe to repeat. */
export async function beginMove(database: TopicDatabase, topic: string): Promise<void> {
  await database.transaction(async (tx) => {
    const locked = await lockTopic(tx, topic)
    if (locked.move === 'moving' || locked.move === 'moved') return
    await fenceProgress(tx, locked.id)
    const end = await presentPosition(tx)
    const { snapshot, mark, slice } = end.base
    await tx.query(
      `update ${SCHEMA}.topic set move = 'moving', end_base = $2, end_mark = $3, end_slice = $4 where id = $1`,
      [locked.id, snapshot, String(mark), slice],
    )
    const { rows } = await tx.query<{ id: number }>(
      `insert into ${SCHEMA}.consumer_group (topic, name) values ($1, $2)
       on conflict (topic, name) do update set name = excluded.name returning id`,
      [locked.id, RELAY_GROUP],
    )
    await setProgress(tx, { consumer: rows[0]!.id, partitions: locked.partitions }, end)
  })
}

/**
 * Lets a topic that nobody has used yet be in the other log from its first event on, as if it had moved there.
 *
 * @returns false: it has events or groups here, or its move has begun; nothing was done
 */
export async function beginElsewhere(database: TopicDatabase, topic: string): Promise<boolean> {
  return database.transaction(async (tx) => {
    const { id, move } = await lockTopic(tx, topic)
    if (move !== 'none') return false
    const { rows } = await tx.query<{ is_used: boolean }>(
      `select exists (select from ${SCHEMA}.log where topic = $1)
         or exists (select from ${SCHEMA}.consumer_group where topic = $1) as is_used`,
      [id],
    )
    if (rows[0]?.is_used !== false) return false
    // No group for the relay: it begins with the first event, and until there is one it need not run.
    const { snapshot, mark, slice } = (await presentPosition(tx)).base
    await tx.query(
      `update ${SCHEMA}.topic set move = 'moved', end_base = $2, end_mark = $3, end_slice = $4 where id = $1`,
      [id, snapshot, String(mark), slice],
    )
    return true
  })
}

/**
 * Notes which engine has the other log of a topic, while none has it for sure.
 *
 * @returns the engine that has it: another one would not have its events
 */
export async function noteEngine(runner: StatementRunner, topic: string, engine: string): Promise<string> {
  const { rows } = await runner.query<{ engine: string }>(
    `update ${SCHEMA}.topic set engine = case when move in ('moving', 'moved') then coalesce(engine, $2) else $2 end
     where name = $1 returning engine`,
    [topic, engine],
  )
  return rows[0]?.engine ?? engine
}

/** Groups and partitions that have not been read to the end, tidily: `'billing/0'`. */
export async function undrained(runner: StatementRunner, topic: string): Promise<readonly string[]> {
  const { rows } = await runner.query<{ place: string }>(
    `select member.name || '/' || place.partition as place
     from ${SCHEMA}.topic moving
     join ${SCHEMA}.consumer_group member on member.topic = moving.id and member.name <> '${RELAY_GROUP}'
     cross join lateral generate_series(0, moving.partitions - 1) as place (partition)
     cross join lateral (
       select ${IS_DRAINED} as is_drained from ${SCHEMA}.progress ${ITS_TOPIC}
       where progress.consumer = member.id and progress.partition = place.partition order by seq desc limit 1
     ) last
     where moving.name = $1 and not last.is_drained order by 1`,
    [topic],
  )
  return rows.map(({ place }) => place)
}

/** Whether a group has read a partition to the end of its topic, so that it goes on in the other log. */
export async function isDrained(
  runner: StatementRunner,
  { consumer, partition }: { readonly consumer: number; readonly partition: number },
): Promise<boolean> {
  const { rows } = await runner.query<{ is_drained: boolean }>(
    `select its.move = 'moved' or ${IS_DRAINED} as is_drained from ${SCHEMA}.progress ${ITS_TOPIC}
     where consumer = $1 and partition = $2 order by seq desc limit 1`,
    [consumer, partition],
  )
  return rows[0]?.is_drained ?? false
}

/**
 * Lets go of what was before the end, when every group has read it. There is no way back then. Safe to repeat.
 *
 * @throws TF_TOPIC_MOVING a group has not
 */
export async function finishMove(database: TopicDatabase, topic: string): Promise<void> {
  await database.transaction(async (tx) => {
    const { id, move } = await lockTopic(tx, topic)
    if (move === 'moved') return
    const places = move === 'moving' ? await undrained(tx, topic) : [move]
    if (places.length > 0) {
      throw new TenfoldError(
        'TF_TOPIC_MOVING',
        `expected every group to have read ${topic} to its end, got some that have not: ${places.slice(0, 5).join(', ')}`,
        { hint: 'wait until their members have read on, and start those that have none', details: { topic, places } },
      )
    }
    await tx.query(`update ${SCHEMA}.topic set move = 'moved' where id = $1`, [id])
  })
}

/**
 * The way back, also when the other log is lost: groups go on here behind what they have read here. Safe to repeat.
 *
 * @throws TF_TOPIC_MOVING the move is finished
 */
export async function returnMove(database: TopicDatabase, topic: string): Promise<void> {
  await database.transaction(async (tx) => {
    const { id, move } = await lockTopic(tx, topic)
    if (move === 'none' || move === 'returned') return
    if (move === 'moved') {
      throw new TenfoldError('TF_TOPIC_MOVING', `expected ${topic} to be moving, but it is moved`, {
        hint: 'what was before the end may be dropped by now: publish to a topic with another name',
        details: { topic },
      })
    }
    await fenceProgress(tx, id)
    await tx.query(
      `update ${SCHEMA}.topic set move = 'returned', end_base = null, end_mark = null, end_slice = null where id = $1`,
      [id],
    )
  })
}

interface LockedTopic {
  readonly id: number
  readonly partitions: number
  readonly move: TopicMove
}

async function lockTopic(tx: StatementRunner, topic: string): Promise<LockedTopic> {
  const { rows } = await tx.query<LockedTopic>(
    `select id, partitions, move from ${SCHEMA}.topic where name = $1 for update`,
    [topic],
  )
  const [locked] = rows
  if (locked !== undefined) return locked
  throw new TenfoldError('TF_TOPIC_UNKNOWN', `expected ${topic} to be a topic of this log`, {
    hint: 'add the topic to the blueprint, and start the system with it',
    details: { topic },
  })
}
