import { TenfoldError } from '../../core/errors.ts'
import { LOCK_CLASS, MOVING, SCHEMA } from '../guard.ts'
import type { ShardDatabase } from '../shard-layout.ts'

/** Of the lock that changes of tables hold, beside those of the buckets and of all buckets. */
const TABLES_LOCK = -2
/** How long to wait for changes of tables that are under way. */
const TABLES_WAIT_MS = 10_000

/**
 * Says on a shard that buckets are on the move, and who moves them. When it resolves, nobody changes a table, truncates one, or
 * gives a row a key of these buckets that it did not have, until `letGo`. Transactions that see the database as it was before
 * fail on their next write of these buckets with 40001.
 *
 * @throws the server's 55P03 somebody changes tables and goes on for too long
 */
export async function holdMove(
  shard: ShardDatabase,
  { move, buckets, holder }: { readonly move: number; readonly buckets: readonly number[]; readonly holder: string },
): Promise<void> {
  await shard.transaction(async (tx) => {
    await tx.query(`select pg_advisory_xact_lock(hashtextextended('${SCHEMA}', 0))`)
    await tx.query(TABLES_STAY)
    const { rows } = await tx.query(`select 1 from pg_event_trigger where evtname = '${TRIGGER}'`)
    if (rows.length === 0) {
      await tx.query(`create event trigger ${TRIGGER} on ddl_command_end execute function ${SCHEMA}.tables_stay()`)
      await tx.query(`create event trigger ${TRIGGER}_drop on sql_drop execute function ${SCHEMA}.tables_stay()`)
    }
    await tx.query(`select set_config('lock_timeout', '${TABLES_WAIT_MS}ms', true)`)
    await tx.query(
      `insert into ${SCHEMA}.moving (move, buckets, holder) values ($1, $2, $3)
       on conflict (move) do update set holder = excluded.holder`,
      [move, buckets, holder],
    )
    await tx.query(`update ${SCHEMA}.owned set state = state where bucket = any ($1)`, [buckets])
  })
  await shard.transaction((tx) => tx.query(`select ${SCHEMA}.drain('{${TABLES_LOCK}}', ${TABLES_WAIT_MS})`))
}

const TRIGGER = 'tenfold_tables_stay'

/**
 * Of what changes tables everything is refused: what it does to the rows that are under way, the other shard would not know.
 * Tables that end with the session are nobody's business.
 */
const TABLES_STAY = `
  create or replace function ${SCHEMA}.tables_stay() returns event_trigger
  language plpgsql set search_path = pg_catalog, pg_temp as $$
  declare
    what text;
    mover int;
  begin
    if tg_event = 'sql_drop' then
      select min(object_identity) into what from pg_event_trigger_dropped_objects()
       where object_type in ('table', 'table column', 'type', 'schema') and not is_temporary
         and coalesce(schema_name, object_name) !~ '^(pg_|tenfold)';
    else
      select min(object_identity) into what from pg_event_trigger_ddl_commands()
       where command_tag in ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'ALTER TABLE', 'ALTER TYPE', 'ALTER DOMAIN',
           'ALTER SCHEMA', 'CREATE FOREIGN TABLE', 'IMPORT FOREIGN SCHEMA')
         and coalesce(schema_name, '') !~ '^(pg_|tenfold)';
    end if;
    if what is null then return; end if;
    perform pg_advisory_xact_lock_shared(${LOCK_CLASS}, ${TABLES_LOCK});
    select move into mover from ${SCHEMA}.moving limit 1;
    if mover is not null then
      raise exception 'expected no move of buckets while % changes, but move % is not finished', what, mover
        using errcode = '${MOVING}', hint = 'finish the move, or abort it, and try again; without the change the system starts: tenfold shards status';
    end if;
  end $$`

/** Does work in a transaction that ends before anybody else can take the move over. @throws TF_MOVE_TAKEN */
export async function asHolder<Result>(
  shard: ShardDatabase,
  { move, holder }: { readonly move: number; readonly holder: string },
  work: (tx: Pick<ShardDatabase, 'query'>) => Promise<Result>,
): Promise<Result> {
  return shard.transaction(async (tx) => {
    const { rows } = await tx.query(`select 1 from ${SCHEMA}.moving where move = $1 and holder = $2 for share`, [
      move,
      holder,
    ])
    if (rows.length > 0) return work(tx)
    throw new TenfoldError('TF_MOVE_TAKEN', `expected to drive move ${move}, but somebody else does`, {
      hint: 'leave it to them: two control planes of one system run',
      details: { move },
    })
  })
}

/** The move is over on this shard: tables may change again. */
export async function letGo(shard: ShardDatabase, move: number): Promise<void> {
  await shard.query(`delete from ${SCHEMA}.mark where move = $1`, [move])
  await shard.query(`delete from ${SCHEMA}.moving where move = $1`, [move])
}
