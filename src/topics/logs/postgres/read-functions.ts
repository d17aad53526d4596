import { isIncarnation } from './incarnation.ts'
import { SCHEMA } from './schema-name.ts'

/** The present, as the columns of an edge but for its slice. */
export const PRESENT: string = `pg_current_snapshot() as snapshot,
  coalesce(pg_sequence_last_value('${SCHEMA}.event_id'::regclass), 0) as mark`

/** The first slice that may have something that is not visible at a snapshot. A later xmax is a later snapshot. */
export function firstSlice(snapshot: string): string {
  return `(select coalesce(min(number), 0) from ${SCHEMA}.slice
           where sealed is null or pg_snapshot_xmax(sealed) >= pg_snapshot_xmax(${snapshot}))`
}

const EVENT = 'id bigint, message_id uuid, key text, headers text, payload text, at_ms float8'

/** Two ranges of the index; the variables of both functions have an underscore in front. */
function fresh(columns: string): string {
  const where = `topic = _topic and partition = _partition and slice >= _slice and id > _after
      and pg_visible_in_snapshot(xid, _target)`
  return `
    select ${columns} id, message_id, key, headers, payload, extract(epoch from at)::float8 * 1000
    from (
      select * from ${SCHEMA}.log where ${where} and xid >= pg_snapshot_xmax(_base) and xid < pg_snapshot_xmax(_target)
      union all
      select * from ${SCHEMA}.log where ${where} and xid = any (_in_progress)
    ) event order by id limit _max`
}

/**
 * The readings that `read-log.ts` explains; part of the layout's version 2. `_slice` is the first that may have something
 * behind base, `_in_progress` what was under way at base.
 *
 * `read_new` chooses the end of the window: the present, or the last tick within the size of a window, or the first
 * behind it; ticks of the same xmax may be earlier than base. It gives a row even where there is no event, and none in
 * another incarnation, if one is given. All of its queries have the snapshot of the statement that calls it.
 */
export const READ_FUNCTIONS: string = `
  create function ${SCHEMA}.read_new(
    _topic int, _partition smallint, _base pg_snapshot, _mark bigint, _slice int, _in_progress xid8[], _max int,
    _window_max bigint, _incarnation uuid
  ) returns table (target text, mark bigint, slice int, is_present boolean, ${EVENT}) language plpgsql stable as $$
  #variable_conflict use_column
  declare
    _target pg_snapshot := pg_current_snapshot();
    _target_mark bigint := coalesce(pg_sequence_last_value('${SCHEMA}.event_id'::regclass), 0);
    _target_slice int;
    _is_present boolean := true;
    _after bigint := 0;
  begin
    if _incarnation is not null and not ${isIncarnation('_incarnation')} then
      return;
    end if;
    if _target_mark - _mark > _window_max then
      select candidate.snapshot, candidate.mark, rank = 3 into _target, _target_mark, _is_present from (
        (select snapshot, mark, 1 as rank from ${SCHEMA}.tick
         where mark > _mark and mark <= _mark + _window_max and until > pg_snapshot_xmax(_base)
         order by mark desc limit 1)
        union all
        (select snapshot, mark, 2 from ${SCHEMA}.tick
         where mark > _mark + _window_max and until > pg_snapshot_xmax(_base) order by mark limit 1)
        union all
        select _target, _target_mark, 3
      ) candidate order by rank limit 1;
    end if;
    _target_slice := ${firstSlice('_target')};
    return query ${fresh('_target::text, _target_mark, _target_slice, _is_present,')};
    if not found then
      return query select _target::text, _target_mark, _target_slice, _is_present,
        null::bigint, null::uuid, null::text, null::text, null::text, null::float8;
    end if;
  end $$;

  create function ${SCHEMA}.read_window(
    _topic int, _partition smallint, _base pg_snapshot, _slice int, _in_progress xid8[], _max int, _target pg_snapshot,
    _after bigint
  ) returns table (${EVENT}) language plpgsql stable as $$
  #variable_conflict use_column
  begin
    return query ${fresh('')};
  end $$;`
