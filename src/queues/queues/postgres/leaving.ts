import { ITEM_COLUMNS as ITEM, SCHEMA as S } from './schema.ts'

/** An item that is there again. */
const LOST = ITEM.replace('attempts,', 'attempts + 1,').replace(
  'run_at',
  `case when attempts = 0 then run_at else clock_timestamp() + random() * least(2 ^ attempts, 64) * interval '0.25 s' end`,
)

/** How items leave a worker otherwise than by being done, and how they come back from where they were parked. */
export const LEAVING: string = `
  create function ${S}.unpark(in_queue int, in_keys text[]) returns int language plpgsql as $$
  declare
    per_key int;
    moved int;
  begin
    lock table ${S}.waiting, ${S}.running, ${S}.parked in row exclusive mode;
    if not exists (select from ${S}.parked where queue = in_queue) then return 0; end if;
    select coalesce(concurrency_per_key, 1000000) into per_key from ${S}.queue where id = in_queue;
    -- Keys from one to the next, however many items each has.
    with recursive step (key) as (
      (select key from ${S}.parked where in_keys is null and queue = in_queue order by key limit 1)
      union all
      select (select next.key from ${S}.parked next where next.queue = in_queue and next.key > step.key order by next.key limit 1)
      from step where step.key is not null
    ), free as (
      select key, per_key - (
        select count(*) from ${S}.running
        where running.queue = in_queue and running.key = known.key and running.is_limited
      ) as room from (
        select unnest(in_keys) as key
        union
        (select key from step where key is not null limit 10000)
      ) known
    ), back as (
      delete from ${S}.parked where ctid = any (array(
        select pick.ctid from free cross join lateral (
          select parked.ctid from ${S}.parked where parked.queue = in_queue and parked.key = free.key
          order by priority, run_at, number limit greatest(free.room, 0) for update skip locked
        ) pick
      )) returning *
    ), put as (
      insert into ${S}.waiting (${ITEM}) select ${ITEM} from back on conflict do nothing returning 1
    )
    select count(*) into moved from put;
    return moved;
  end $$;

  -- Takes what they have from workers that were not heard of; what somebody is just finishing, later. What has been lost
  -- before waits for a while by chance: whatever kills its workers must not kill the same others with it each time.
  create function ${S}.reap() returns table (reaped_queue int, reaped int) language plpgsql as $$
  declare
    gone ${S}.worker;
  begin
    lock table ${S}.waiting, ${S}.running in row exclusive mode;
    for gone in select * from ${S}.worker where lease_until < clock_timestamp() limit 100 for update skip locked loop
      with lost as (
        select item_id from ${S}.running where worker = gone.id for update skip locked
      ), freed as (
        delete from ${S}.running where item_id in (select item_id from lost) returning *
      ), back as (
        insert into ${S}.waiting (${ITEM})
        select ${LOST} from freed where not is_cancelled on conflict do nothing
      )
      select gone.queue, count(*)::int into reaped_queue, reaped from freed;
      if not exists (select from ${S}.running where worker = gone.id) then
        update ${S}.queue set finished = finished + gone.finished where id = gone.queue;
        delete from ${S}.worker where id = gone.id;
      end if;
      return next;
    end loop;
  end $$;

  create function ${S}.cancel(in_queue int, in_item uuid) returns text language plpgsql as $$
  begin
    lock table ${S}.waiting, ${S}.running, ${S}.parked in row exclusive mode;
    -- It may be on its way from one table to the other: whoever moves it is waited for, and then it is looked for again.
    for pass in 1..3 loop
      delete from ${S}.waiting where item_id = in_item and queue = in_queue;
      if found then return 'cancelled'; end if;
      delete from ${S}.parked where item_id = in_item and queue = in_queue;
      if found then return 'cancelled'; end if;
      update ${S}.running set is_cancelled = true where item_id = in_item and queue = in_queue;
      if found then return 'cancelling'; end if;
    end loop;
    return 'gone';
  end $$;`
