import { installSchema } from '../../../sql/own-schema.ts'
import type { TopicDatabase } from '../../topic-database.ts'
import { TenfoldError } from '../../../core/errors.ts'
import { INCARNATION_TABLE } from './incarnation.ts'
import { PUBLISH_FUNCTIONS } from './publish-functions.ts'
import { READ_FUNCTIONS } from './read-functions.ts'
import { SCHEMA } from './schema-name.ts'

export { SCHEMA } from './schema-name.ts'

/** Creates what is missing in the database, or changes it to what this version needs. Run it as the database's owner. */
export async function installLayout(database: TopicDatabase): Promise<void> {
  await installSchema(database, { name: SCHEMA, what: 'topics', versions: VERSIONS, tooNew: 'TF_TOPICS_LAYOUT' })
}

/**
 * Makes sure that a topic exists.
 *
 * @throws TF_TOPIC_CHANGED it exists with another number of partitions: keys would move, and lose their order
 */
export async function ensureTopic(
  database: TopicDatabase,
  { name, partitions }: { readonly name: string; readonly partitions: number },
): Promise<void> {
  await database.query(`insert into ${SCHEMA}.topic (name, partitions) values ($1, $2) on conflict (name) do nothing`, [
    name,
    partitions,
  ])
  const { rows } = await database.query<{ partitions: number }>(
    `select partitions from ${SCHEMA}.topic where name = $1`,
    [name],
  )
  const present = rows[0]?.partitions
  if (present === partitions) return
  throw new TenfoldError(
    'TF_TOPIC_CHANGED',
    `expected topic ${name} to have ${partitions} partitions, got ${present}`,
    {
      hint: 'keep the number of partitions, or publish to a topic with another name',
      details: { topic: name, partitions, present },
    },
  )
}

/** Days that the inbox has tables for. */
export const INBOX_RING = 16

/** The table of the days that have this number in the ring. */
export function inboxTable(ring: number): string {
  return `${SCHEMA}.inbox_${ring}`
}

/** The table of a slice. */
export function sliceTable(number: number): string {
  return `${SCHEMA}.log_${number}`
}

/** Statements that add a slice; attaching, unlike creating it in place, lets others publish and read meanwhile. */
export function addSlice(number: number): string {
  const table = sliceTable(number)
  return `
    create table ${table} (like ${SCHEMA}.log including defaults including constraints);
    create index on ${table} (topic, partition, xid, id);
    alter table ${SCHEMA}.log attach partition ${table} for values in (${number});
    insert into ${SCHEMA}.slice (number) values (${number});
    ${withoutRights(table)}`
}

/** Takes what a new table of its owner grants by default: only the whole log is for others. */
function withoutRights(table: string): string {
  return `do $$ declare grantee text; begin
    for grantee in select acl.grantee::regrole from pg_class, aclexplode(relacl) acl
      where oid = '${table}'::regclass and acl.grantee not in (0, relowner) group by 1
    loop execute format('revoke all on ${table} from %s', grantee); end loop; end $$;`
}

/** Never change one that has been released: add the next. */
const VERSIONS: readonly string[] = [
  `
  create table ${SCHEMA}.topic (
    id int generated always as identity primary key,
    name text not null unique,
    partitions smallint not null check (partitions between 1 and 1024)
  );
  create table ${SCHEMA}.slice (
    number int primary key,
    opened_at timestamptz not null default clock_timestamp(),
    closed_at timestamptz,
    sealed pg_snapshot -- taken when nobody could write into the slice any more
  );
  create sequence ${SCHEMA}.event_id;
  create table ${SCHEMA}.log (
    slice int not null,
    topic int not null,
    partition smallint not null,
    xid xid8 not null default pg_current_xact_id(),
    id bigint not null default nextval('${SCHEMA}.event_id'),
    at timestamptz not null default clock_timestamp(),
    message_id uuid not null,
    key text,
    headers text,
    payload text not null
  ) partition by list (slice);
  create index on ${SCHEMA}.log (topic, partition, xid, id);
  ${addSlice(1)}
  create table ${SCHEMA}.tick (
    until xid8 primary key, -- xmax of the snapshot, which only grows
    snapshot pg_snapshot not null,
    mark bigint not null, -- the last id that had been given out
    at timestamptz not null default clock_timestamp()
  );
  create index on ${SCHEMA}.tick (mark);
  create index on ${SCHEMA}.tick (at);
  create table ${SCHEMA}.consumer_group (
    id int generated always as identity primary key,
    topic int not null references ${SCHEMA}.topic,
    name text not null,
    unique (topic, name)
  );
  create table ${SCHEMA}.member (
    consumer int not null references ${SCHEMA}.consumer_group on delete cascade,
    id text not null,
    seen_at timestamptz not null,
    primary key (consumer, id)
  ) with (fillfactor = 50);
  create table ${SCHEMA}.progress (
    consumer int not null references ${SCHEMA}.consumer_group on delete cascade,
    partition smallint not null,
    seq bigint not null,
    epoch int not null,
    owner text, -- nobody: anybody may take it
    lease_until timestamptz not null,
    done bigint not null, -- events that the group has finished on this partition
    base pg_snapshot not null, -- everything visible in it is done
    mark bigint not null,
    slice int not null, -- earlier ones have nothing that is not done
    target pg_snapshot, -- what is visible in it, but not in base, is being read, in the order of ids
    target_mark bigint,
    target_slice int,
    after_id bigint not null,
    at timestamptz not null default clock_timestamp(),
    primary key (consumer, partition, seq)
  );
  create table ${SCHEMA}.dead_letter (
    number bigint generated always as identity,
    consumer int not null references ${SCHEMA}.consumer_group on delete cascade,
    partition smallint not null,
    message_id uuid not null,
    id bigint not null,
    key text,
    headers text,
    payload text not null,
    published_at timestamptz not null,
    state text not null check (state in ('dead', 'waiting', 'due')),
    is_blocking boolean not null, -- later events of its key wait behind it
    attempts int not null,
    cause text not null,
    failed_at timestamptz not null default clock_timestamp(),
    primary key (consumer, message_id)
  );
  create index on ${SCHEMA}.dead_letter (consumer, partition, number);
  create index on ${SCHEMA}.dead_letter (consumer, partition, number) where state = 'due';
  create table ${SCHEMA}.inbox (
    ring smallint not null, -- the day on which the event was published, modulo ${INBOX_RING}
    group_name text not null,
    message_id uuid not null,
    primary key (ring, group_name, message_id)
  ) partition by list (ring);
  ${inboxTables()}`,
  INCARNATION_TABLE + PUBLISH_FUNCTIONS + READ_FUNCTIONS,
  `
  alter table ${SCHEMA}.consumer_group add column moves int not null default 0; -- in a log elsewhere
  alter table ${SCHEMA}.topic
    add column move text not null default 'none' check (move in ('none', 'moving', 'moved', 'returned')),
    add column end_base pg_snapshot, -- what is not visible in it is read in another log
    add column end_mark bigint,
    add column end_slice int;
  `,
  `
  alter table ${SCHEMA}.topic add column engine text; -- the other log
  `,
]

function inboxTables(): string {
  const rings = Array.from({ length: INBOX_RING }, (_, ring) => ring)
  return rings
    .map((ring) => `create table ${inboxTable(ring)} partition of ${SCHEMA}.inbox for values in (${ring});`)
    .join(' ')
}
