import { quoteIdentifier } from '../sql/quote-identifier.ts'
import { bucketExpression } from './bucket-expression.ts'
import type { ShardMap } from './shard-map.ts'

/*
 * Who may write and read a bucket is decided in the shard. `owned` says of each bucket that was ever here:
 *
 * - `owned`: it is here, since `epoch`.
 * - `incoming`: a move brings its rows; nobody writes or reads them but the move.
 * - `moved`: it was here; its rows may still be.
 *
 * Invariants.
 * 1. Whoever writes a row of a bucket holds the bucket's lock, shared, from before he looked and found it `owned` until he
 *    ends. A move makes it `moved`, commits, and then waits for the lock once: everybody who wrote has ended, and everybody
 *    who looks later is refused. So after that no row of the bucket changes here.
 * 2. That holds for everybody: it is a trigger on each table, whoever writes, with whatever map or none. Only what
 *    replication brings goes past it.
 * 3. `state.epoch` grows in the transaction that changes `owned`. A read whose shard says behind it, on the same connection,
 *    that the epoch is that of the reader's map has read from the right shard: what leaves never comes back in the same epoch.
 *
 * A transaction above 'read committed' sees `owned` as of its first statement; it locks the row, and so fails with 40001 if
 * that is not the present one. Which buckets a transaction holds is remembered in a setting that ends with it, or with the
 * savepoint that is rolled back, as the locks do. Beyond 32 it holds the lock of all buckets instead.
 */

/** Everything that shards need in a database is in this schema. */
export const SCHEMA = 'tenfold_shards'
/** SQLSTATE of what is refused because its bucket is not on this shard. */
export const NOT_HERE = 'TF001'
/** SQLSTATE of what is refused because rows are on the move; it passes. */
export const MOVING = 'TF002'
/** First of the two numbers of our advisory locks; the second is the bucket, or -1 for all of them. */
export const LOCK_CLASS = 7_301
const HELD_MAX = 32

/** Statements that make the functions; they may be run again. */
export const GUARD: string = `
  create or replace function ${SCHEMA}.hold(in_bucket int) returns void
  language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
  declare
    held text := coalesce(current_setting('tenfold.held', true), '');
    is_owned boolean;
  begin
    if position(',' || in_bucket || ',' in held) > 0 then return; end if;
    if held <> '*' then
      if length(held) - length(replace(held, ',', '')) > ${HELD_MAX} then
        perform pg_advisory_xact_lock_shared(${LOCK_CLASS}, -1);
        perform set_config('tenfold.held', '*', true);
      else
        perform pg_advisory_xact_lock_shared(${LOCK_CLASS}, in_bucket);
        perform set_config('tenfold.held', case held when '' then ',' else held end || in_bucket || ',', true);
      end if;
    end if;
    if current_setting('transaction_isolation') = 'read committed' then
      select state = 'owned' into is_owned from ${SCHEMA}.owned where bucket = in_bucket;
    else
      select state = 'owned' into is_owned from ${SCHEMA}.owned where bucket = in_bucket for share;
    end if;
    if is_owned is not true then perform ${SCHEMA}.refuse(in_bucket); end if;
  end $$;

  create or replace function ${SCHEMA}.refuse(in_bucket int) returns void language plpgsql as $$
  begin
    raise exception 'bucket % is not on this shard', coalesce(in_bucket::text, 'of no key')
      using errcode = '${NOT_HERE}', detail = coalesce(in_bucket::text, ''), hint = 'look at the map again: select document from ${SCHEMA}.map';
  end $$;

  -- For the beginning of a transaction: what it reads and writes of the bucket is right until it ends.
  create or replace function ${SCHEMA}.enter(in_bucket int, in_epoch int) returns void
  language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
  begin
    perform ${SCHEMA}.hold(in_bucket);
    perform from ${SCHEMA}.owned where bucket = in_bucket and epoch = in_epoch;
    if not found then perform ${SCHEMA}.refuse(in_bucket); end if;
  end $$;

  -- Waits for everybody who holds one of these locks, one after the other, and lets go at once: the part that fails takes
  -- the lock with it.
  create or replace function ${SCHEMA}.drain(in_locks int[], in_limit_ms int) returns void
  language plpgsql set search_path = pg_catalog, pg_temp as $$
  declare
    until timestamptz := clock_timestamp() + in_limit_ms * interval '1 ms';
    one int;
  begin
    foreach one in array in_locks loop
      begin
        perform set_config('lock_timeout',
          greatest(1, ceil(extract(epoch from until - clock_timestamp()) * 1000)::int)::text || 'ms', true);
        perform pg_advisory_xact_lock(${LOCK_CLASS}, one);
        raise exception using errcode = 'TF000';
      exception when sqlstate 'TF000' then null;
      end;
    end loop;
  end $$;

  -- Of an update that gives a row another key. What replication says of it has no value that is stored out of line and
  -- was not changed, so where the row comes to be among those that are moved, that value would be missing.
  create or replace function ${SCHEMA}.rekey(in_bucket int) returns void
  language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
  begin
    perform from ${SCHEMA}.moving where in_bucket = any (buckets);
    if found then
      raise exception 'bucket % is being moved, and takes no rows of other keys meanwhile', in_bucket
        using errcode = '${MOVING}', hint = 'insert the row anew and delete the old one, or wait: tenfold shards status';
    end if;
  end $$;

  -- Replication of some buckets knows no way to say that all rows are gone.
  create or replace function ${SCHEMA}.guard_truncate() returns trigger
  language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
  begin
    perform from ${SCHEMA}.moving;
    if found then
      raise exception 'buckets are being moved, so no table can be truncated'
        using errcode = '${MOVING}', hint = 'delete the rows, or wait: tenfold shards status';
    end if;
    return null;
  end $$;`

/** Statements that make the function of all guards of a shard, in the place of the one that it may have. */
export function guardFunction({ partitioning, column }: Pick<ShardMap, 'partitioning' | 'column'>): string {
  const key = quoteIdentifier(column)
  const of = (row: 'new' | 'old'): string => `(${bucketExpression(partitioning, `${row}.${key}`)})::int`
  // The first row of a transaction, which most have only one of, goes the shorter way: what \`hold\` would do, in as few
  // expressions as there can be, since each costs as much as the call of a function.
  return `
  create or replace function ${SCHEMA}.guard() returns trigger language plpgsql as $guard$
  declare
    its_bucket int := case when tg_op = 'DELETE' then ${of('old')} else ${of('new')} end;
    held text;
  begin
    if concat(current_setting('tenfold.held', true), current_setting('transaction_isolation')) = 'read committed' then
      held := set_config('tenfold.held', concat(',', its_bucket, ',', pg_advisory_xact_lock_shared(${LOCK_CLASS}, its_bucket)), true);
      perform from ${SCHEMA}.owned where bucket = its_bucket and state = 'owned';
      if not found then perform ${SCHEMA}.refuse(its_bucket); end if;
    else
      perform ${SCHEMA}.hold(its_bucket);
    end if;
    if tg_op = 'UPDATE' then
      if old.${key} is distinct from new.${key} then
        perform ${SCHEMA}.hold(${of('old')});
        perform ${SCHEMA}.rekey(its_bucket);
      end if;
    end if;
    return null;
  end $guard$`
}

/** The statements that guard a table; `table` is quoted. */
export function guardTable(table: string): string {
  return `
  create or replace trigger tenfold_guard after insert or update or delete on ${table}
    for each row execute function ${SCHEMA}.guard();
  create or replace trigger tenfold_guard_truncate before truncate on ${table}
    for each statement execute function ${SCHEMA}.guard_truncate()`
}
