import type { GroupView } from '../../assignment.ts'
import type { StatementRunner } from '../../topic-database.ts'
import { SCHEMA } from './layout.ts'
import type { CatalogTopic } from './topic-catalog.ts'
import { IS_DRAINED, ITS_TOPIC } from './topic-end.ts'

/** Says that a member is there, and tells who else is, and who owns what of that which is not read to its end. */
export async function sayHello(
  runner: StatementRunner,
  { consumer, topic, me, leaseMs }: { consumer: number; topic: CatalogTopic; me: string; leaseMs: number },
): Promise<GroupView> {
  await runner.query(
    `insert into ${SCHEMA}.member (consumer, id, seen_at) values ($1, $2, clock_timestamp())
     on conflict (consumer, id) do update set seen_at = excluded.seen_at`,
    [consumer, me],
  )
  const { rows } = await runner.query<{ members: string[]; partition: number; owner: string | null }>(
    `select
       array(select id from ${SCHEMA}.member
             where consumer = $1 and seen_at > clock_timestamp() - make_interval(secs => $3::float8 / 1000)) as members,
       partition, owner
     from generate_series(0, $2::int - 1) partition
     cross join lateral (
       select case when lease_until >= clock_timestamp() then owner end as owner, ${IS_DRAINED} as is_drained
       from ${SCHEMA}.progress ${ITS_TOPIC}
       where consumer = $1 and progress.partition = partition.partition order by seq desc limit 1
     ) last
     where not is_drained`,
    [consumer, topic.partitions, leaseMs],
  )
  return {
    me,
    members: rows[0]?.members ?? [],
    partitions: rows.map(({ partition, owner }) => ({ partition, owner: owner ?? undefined })),
  }
}

/** The member is not counted any more. */
export async function sayGoodBye(runner: StatementRunner, consumer: number, me: string): Promise<void> {
  await runner.query(`delete from ${SCHEMA}.member where consumer = $1 and id = $2`, [consumer, me])
}
