import { ITEM_COLUMNS as ITEM, SCHEMA as S } from './schema.ts'

/*
 * How items are found. Those that may begin are the first of each priority in the order of an index. But rows that have
 * left stay in an index for as long as anybody holds a snapshot in which they are there, so that "from the first one on"
 * walks over everything that was ever done since: the collapse of every queue in a table.
 *
 * So a reader remembers a floor: of each priority the place below which nothing waits, as of a snapshot. What has come
 * since with a place below it was written by a transaction that had not ended at the snapshot, which the index of `xid`
 * finds, however long that transaction has been running. Nothing is missed, and no row is walked over twice. `xid` is that
 * of the whole transaction, also inside savepoints. A floor is a reader's own, in memory; whoever has none begins at the
 * first row. Rows that somebody has locked count as there: he may roll back.
 *
 * A server that crashes, and a standby that takes over, gives numbers of transactions out again that the one before had in
 * use: a floor is good for one incarnation of the server only, see `topics/logs/postgres/incarnation.ts`.
 *
 * Each function takes its locks first, so that its statements see what `compact` has done before.
 */

/** Statistics of tables that fill and empty within a second say nothing: it is always the index. */
const BY_INDEX = `set enable_seqscan = off set enable_bitmapscan = off set plan_cache_mode = force_generic_plan`

/** Rows are taken from here, in order. `$` of the function: queue, floor. */
function inOrder(columns: string, max: string): string {
  return `
    unnest(floor_at, floor_number) with ordinality as place (at, number, priority)
    cross join lateral (
      select ${columns} from ${S}.waiting
      where waiting.queue = in_queue and waiting.priority = place.priority::smallint - 1::smallint
        and (waiting.run_at, waiting.number) >= (place.at, place.number) and waiting.run_at <= present
      order by waiting.run_at, waiting.number limit ${max} for update skip locked
    ) pick
    limit ${max}`
}

const IN_ORDER = 'array_agg(made order by (made).priority, (made).run_at, (made).number)'

export const CLAIMING: string = `
  create function ${S}.look(
    in_queue int, inout incarnation uuid, inout seen pg_snapshot, inout floor_at timestamptz[],
    inout floor_number bigint[], out next_ms float8
  ) language plpgsql ${BY_INDEX} as $$
  declare
    present timestamptz := clock_timestamp();
    is_any boolean;
    present_incarnation uuid;
  begin
    lock table ${S}.waiting in row exclusive mode;
    insert into ${S}.incarnation default values on conflict do nothing;
    select id into present_incarnation from ${S}.incarnation;
    if incarnation is distinct from present_incarnation then
      incarnation := present_incarnation;
      seen := null;
      floor_at := null;
      floor_number := null;
    end if;
    with late as (
      select priority, run_at, number from ${S}.waiting
      where queue = in_queue and xid >= pg_snapshot_xmax(seen)
      union all
      select priority, run_at, number from ${S}.waiting
      where queue = in_queue and xid = any (array(select pg_snapshot_xip(seen)))
    ), start as (
      select distinct on (priority) priority::smallint as priority, run_at, number from (
        select * from late
        union all
        select place - 1, at, number from unnest(floor_at, floor_number) with ordinality as floor (at, number, place)
        union all
        select place, '-infinity', 0 from generate_series(0, 3) place where seen is null
      ) each order by priority, run_at, number
    )
    select pg_current_snapshot(), array_agg(coalesce(first.run_at, present) order by start.priority),
      array_agg(coalesce(first.number, 0) order by start.priority), count(first.run_at) > 0
    into seen, floor_at, floor_number, is_any
    from start left join lateral (
      select run_at, number from ${S}.waiting
      where waiting.queue = in_queue and waiting.priority = start.priority
        and (waiting.run_at, waiting.number) >= (start.run_at, start.number) and waiting.run_at <= present
      order by waiting.run_at, waiting.number limit 1
    ) first on true;
    if not is_any then
      select extract(epoch from min(next.run_at) - present) * 1000 into next_ms
      from generate_series(0, 3) place cross join lateral (
        select run_at from ${S}.waiting
        where waiting.queue = in_queue and waiting.priority = place.place::smallint and waiting.run_at > present
        order by waiting.run_at limit 1
      ) next;
    end if;
  end $$;

  create function ${S}.claim(
    in_queue int, in_worker uuid, in_max int, inout incarnation uuid, inout seen pg_snapshot,
    inout floor_at timestamptz[], inout floor_number bigint[], out next_ms float8, out is_more boolean, out items ${S}.running[]
  ) language plpgsql ${BY_INDEX} as $$
  declare
    present timestamptz;
    the_queue ${S}.queue;
    is_counted boolean;
    room int := in_max;
    pass_items ${S}.running[];
    parked_count int;
  begin
    lock table ${S}.waiting, ${S}.running, ${S}.parked in row exclusive mode;
    -- Whoever loses a claim in a crash of the server finds that out when he completes: no need to wait for the disk.
    perform set_config('synchronous_commit', 'off', true);
    items := '{}';
    is_more := false;
    -- Whoever takes its items away from a worker locks this row.
    perform from ${S}.worker where id = in_worker and lease_until > clock_timestamp() for key share;
    if not found then
      seen := null;
      items := null;
      return;
    end if;
    select * into the_queue from ${S}.queue where id = in_queue;
    is_counted := the_queue.concurrency is not null or the_queue.concurrency_per_key is not null;
    if is_counted then
      -- What is counted must not change: of a queue with limits, one at a time.
      perform pg_advisory_xact_lock(hashtext('${S}'), in_queue);
      if the_queue.concurrency is not null then
        select least(in_max, the_queue.concurrency - count(*)) into room from ${S}.running
        where running.queue = in_queue and running.is_limited;
      end if;
    end if;
    if room <= 0 then return; end if;
    select * into incarnation, seen, floor_at, floor_number, next_ms
    from ${S}.look(in_queue, incarnation, seen, floor_at, floor_number);
    present := clock_timestamp();
    if the_queue.concurrency_per_key is null then
      with taken as (
        delete from ${S}.waiting where ctid = any (array(select pick.ctid from ${inOrder('waiting.ctid', 'room')}))
        returning *
      ), put as (
        insert into ${S}.running as made (${ITEM}, worker, is_limited)
        select ${ITEM}, in_worker, is_counted from taken on conflict do nothing returning made
      )
      select coalesce(${IN_ORDER}, '{}') into items from put;
      is_more := cardinality(items) = room;
      return;
    end if;
    for pass in 1..4 loop
      with candidate as materialized (
        select pick.* from ${inOrder('waiting.ctid as place_id, waiting.key, waiting.priority, waiting.run_at, waiting.number', '500')}
      ), ranked as (
        select place_id, priority, run_at, number, key is null or the_queue.concurrency_per_key >=
          row_number() over (partition by key order by priority, run_at, number)
          + (select count(*) from ${S}.running
             where running.queue = in_queue and running.key = candidate.key and running.is_limited) as is_free
        from candidate
      ), free as (
        select place_id from ranked where is_free order by priority, run_at, number limit room
      ), taken as (
        delete from ${S}.waiting where ctid = any (array(
          select place_id from free union all select place_id from ranked where not is_free
        )) returning *, ctid as place_id
      ), put as (
        insert into ${S}.running as made (${ITEM}, worker, is_limited)
        select ${ITEM}, in_worker, true from taken where place_id in (select place_id from free)
        on conflict do nothing returning made
      ), aside as (
        insert into ${S}.parked (${ITEM})
        select ${ITEM} from taken where place_id not in (select place_id from free) on conflict do nothing returning 1
      )
      select coalesce((select ${IN_ORDER} from put), '{}'),
        (select count(*) from aside) into pass_items, parked_count;
      items := items || pass_items;
      room := room - cardinality(pass_items);
      is_more := room = 0 or parked_count > 0;
      exit when room <= 0 or parked_count = 0;
    end loop;
  end $$;`
