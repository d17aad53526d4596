import { TenfoldError } from '../../../core/errors.ts'
import type { StatementRunner, TopicDatabase } from '../../topic-database.ts'
import type { LogPosition } from './position.ts'
import { POSITION_COLUMNS, positionValues } from './position.ts'
import { SCHEMA } from './schema-name.ts'
import { positionAt, presentPosition } from './ticks.ts'
import type { CatalogTopic } from './topic-catalog.ts'

/* Progress that is written by others than the owners of partitions; `progress.ts` has the protocol. */

/** Writes the next row of each partition with another position and without an owner, whoever has them. */
export async function moveProgress(
  database: TopicDatabase,
  { consumer, topic }: { readonly consumer: number; readonly topic: CatalogTopic },
  to: 'beginning' | 'now' | number,
): Promise<void> {
  await database.transaction(async (tx) => {
    const position = to === 'now' ? await presentPosition(tx) : await positionAt(tx, to === 'beginning' ? 0 : to)
    for (let partition = 0; partition < topic.partitions; partition++) {
      await overtake(tx, MOVE, [consumer, partition, ...positionValues(position)])
    }
  })
}

/** The same for a group without members, which may have no progress yet. */
export async function setProgress(
  tx: StatementRunner,
  { consumer, partitions }: { readonly consumer: number; readonly partitions: number },
  position: LogPosition,
): Promise<void> {
  await tx.query(
    `insert into ${SCHEMA}.progress (consumer, partition, seq, epoch, lease_until, done, ${POSITION_COLUMNS})
     select $1::int, place.partition, coalesce(last.seq, 0) + 1, coalesce(last.epoch, 0) + 1, '-infinity', 0,
       $3::pg_snapshot, $4::bigint, $5::int, $6::pg_snapshot, $7::bigint, $8::int, $9::bigint
     from generate_series(0, $2::int - 1) as place (partition)
     left join lateral (
       select seq, epoch from ${SCHEMA}.progress where consumer = $1 and partition = place.partition
       order by seq desc limit 1
     ) last on true`,
    [consumer, partitions, ...positionValues(position)],
  )
}

/** Takes every partition of a topic from its owners, where they are: what they have under way can't be committed. */
export async function fenceProgress(tx: StatementRunner, topic: number): Promise<void> {
  const { rows } = await tx.query<{ consumer: number; partition: number }>(
    `select distinct consumer, partition from ${SCHEMA}.progress
     where consumer in (select id from ${SCHEMA}.consumer_group where topic = $1) order by 1, 2`,
    [topic],
  )
  for (const { consumer, partition } of rows) await overtake(tx, FENCE, [consumer, partition])
}

const OVERTAKE_TRIES = 20

/** Writes a row whatever the owner does: one that is faster is waited for, and overtaken then. */
async function overtake(tx: StatementRunner, statement: string, values: readonly unknown[]): Promise<void> {
  for (let tries = 0; tries < OVERTAKE_TRIES; tries++) {
    if ((await tx.query(statement, values)).rowCount === 1) return
  }
  const partition = values[1]
  throw new TenfoldError(
    'TF_CLAIM_LOST',
    `expected to move partition ${String(partition)}, but its owner was always faster`,
    { hint: 'try again, or stop the members of the group first', details: { partition } },
  )
}

const LAST = `(select * from ${SCHEMA}.progress where consumer = $1 and partition = $2 order by seq desc limit 1) last`
const MOVE = `
  insert into ${SCHEMA}.progress (consumer, partition, seq, epoch, lease_until, done, ${POSITION_COLUMNS})
  select consumer, partition, seq + 1, epoch + 1, '-infinity', done, $3::pg_snapshot, $4::bigint, $5::int,
    $6::pg_snapshot, $7::bigint, $8::int, $9::bigint
  from ${LAST} on conflict do nothing`
const FENCE = `
  insert into ${SCHEMA}.progress (consumer, partition, seq, epoch, lease_until, done, ${POSITION_COLUMNS})
  select consumer, partition, seq + 1, epoch + 1, '-infinity', done, ${POSITION_COLUMNS}
  from ${LAST} on conflict do nothing`
