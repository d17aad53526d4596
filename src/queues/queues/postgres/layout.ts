import { installSchema } from '../../../sql/own-schema.ts'
import type { TopicDatabase } from '../../../topics/topic-database.ts'
import type { QueueLimits } from '../../queue-engine.ts'
import { COMPACTING } from './compacting.ts'
import { CLAIMING } from './claiming.ts'
import { LEAVING } from './leaving.ts'
import { ENQUEUING } from './enqueuing.ts'
import { SCHEMA } from './schema.ts'

/*
 * Tables of the application are never touched.
 *
 * An item is a row in one of these, and what happens to it is that it moves; no row of `waiting` is ever updated.
 *
 * - `waiting`: it may begin at `run_at`, or later. Its place is `(queue, priority, run_at, number)`.
 * - `parked`: it may begin, but as many of its key are under way as may be. It comes back when one of them ends.
 * - `running`: a worker has it. Whoever finishes it deletes the row with his number of the claim: that is the fence.
 * - `dead`: it was given up.
 *
 * `worker` has the leases: who has not been heard of loses all rows of `running` that are his. `once` remembers the keys of
 * deduplication.
 */

/** Creates what is missing in the database, or changes it to what this version needs. Run it as the database's owner. */
export async function installQueues(database: TopicDatabase): Promise<void> {
  await installSchema(database, { name: SCHEMA, what: 'queues', versions: VERSIONS, tooNew: 'TF_QUEUES_LAYOUT' })
}

/** Makes sure that a queue exists, with these limits. Other limits than before count from the next claim on. */
export async function ensureQueue(
  database: TopicDatabase,
  { name, limits: { concurrency, concurrencyPerKey } = {} }: { readonly name: string; readonly limits?: QueueLimits },
): Promise<void> {
  await database.query(
    `insert into ${SCHEMA}.queue as present (name, concurrency, concurrency_per_key) values ($1, $2, $3)
     on conflict (name) do update set concurrency = excluded.concurrency, concurrency_per_key = excluded.concurrency_per_key
     where (present.concurrency, present.concurrency_per_key) is distinct from (excluded.concurrency, excluded.concurrency_per_key)`,
    [name, concurrency ?? null, concurrencyPerKey ?? null],
  )
}

/** Rows come and go: what has left must not wait long for the vacuum. */
const BUSY =
  'with (autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0)'

/** Never change one that has been released: add the next. */
const VERSIONS: readonly string[] = [
  `
  create table ${SCHEMA}.queue (
    id int generated always as identity primary key,
    name text not null unique,
    concurrency int check (concurrency > 0),
    concurrency_per_key int check (concurrency_per_key > 0),
    finished bigint not null default 0 -- by workers that have left
  );
  create table ${SCHEMA}.worker (
    id uuid primary key,
    queue int not null references ${SCHEMA}.queue,
    lease_until timestamptz not null,
    finished bigint not null default 0,
    claimed int not null default 0
  ) with (fillfactor = 50);
  create sequence ${SCHEMA}.item_number;
  create sequence ${SCHEMA}.claim_number;
  create table ${SCHEMA}.waiting (
    queue int not null,
    priority smallint not null,
    run_at timestamptz not null,
    xid xid8 not null default pg_current_xact_id(), -- since when it waits
    number bigint not null default nextval('${SCHEMA}.item_number'),
    item_id uuid primary key,
    attempts int not null default 0,
    earlier_attempts int not null default 0, -- before it was redriven
    enqueued_at timestamptz not null default clock_timestamp(),
    due_at timestamptz not null,
    key text,
    headers text,
    payload text not null
  ) ${BUSY};
  create index on ${SCHEMA}.waiting (queue, priority, run_at, number);
  create index on ${SCHEMA}.waiting (queue, xid);
  create table ${SCHEMA}.parked (
    like ${SCHEMA}.waiting,
    primary key (item_id)
  ) ${BUSY};
  alter table ${SCHEMA}.parked drop column xid;
  create index on ${SCHEMA}.parked (queue, key, priority, run_at, number);
  create table ${SCHEMA}.running (
    like ${SCHEMA}.parked,
    worker uuid not null,
    claim bigint not null default nextval('${SCHEMA}.claim_number'),
    begun_at timestamptz not null default clock_timestamp(),
    is_limited boolean not null,
    is_cancelled boolean not null default false,
    progress text,
    primary key (item_id)
  ) ${BUSY};
  create index on ${SCHEMA}.running (queue, key) where is_limited;
  create index on ${SCHEMA}.running (worker) where is_cancelled;
  create table ${SCHEMA}.dead (
    like ${SCHEMA}.parked,
    cause text not null,
    failed_at timestamptz not null default clock_timestamp(),
    primary key (item_id)
  );
  create index on ${SCHEMA}.dead (queue, failed_at);
  create table ${SCHEMA}.once (
    queue int not null,
    key text not null,
    item_id uuid not null,
    until text not null check (until in ('begun', 'finished', 'time')),
    expires_at timestamptz,
    primary key (queue, key)
  );
  create unlogged table ${SCHEMA}.incarnation (
    is_only boolean primary key default true check (is_only),
    id uuid not null default gen_random_uuid()
  );
  ${CLAIMING}
  ${LEAVING}
  ${ENQUEUING}
  ${COMPACTING}`,
]
