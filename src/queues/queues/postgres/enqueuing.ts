import { SCHEMA as S } from './schema.ts'

/** Not earlier than now: whoever wants something long since must not overtake those who have been waiting. */
function dueAt(delayMs: string, epochMs: string): string {
  return `greatest(clock_timestamp() + make_interval(secs => ${delayMs} / 1000), to_timestamp(${epochMs} / 1000))`
}

const COLUMNS = 'queue, item_id, priority, run_at, due_at, key, headers, payload'

/*
 * How items are put in, by functions, so that a session plans each statement once.
 *
 * `take_key` says who may put an item in under a key. Keys are not given back when an item begins or ends: whoever wants one
 * looks whether its item is still there. That row stays locked until he has committed, so that the item does not begin before.
 */
export const ENQUEUING: string = `
  create function ${S}.put_one(
    in_queue int, in_item uuid, in_priority smallint, in_delay_ms float8, in_epoch_ms float8, in_key text, in_headers text,
    in_payload text
  ) returns boolean language plpgsql as $$
  declare
    due timestamptz := ${dueAt('in_delay_ms', 'in_epoch_ms')};
  begin
    insert into ${S}.waiting (${COLUMNS})
    values (in_queue, in_item, in_priority, due, due, in_key, in_headers, in_payload) on conflict do nothing;
    return found;
  end $$;

  -- Those that it returns were there.
  create function ${S}.put(
    in_queues int[], in_items uuid[], in_priorities smallint[], in_delays_ms float8[], in_epochs_ms float8[], in_keys text[],
    in_headers text[], in_payloads text[]
  ) returns uuid[] language plpgsql as $$
  declare
    written uuid[];
  begin
    with new as (
      insert into ${S}.waiting (${COLUMNS})
      select item.queue, item.item_id, item.priority, due.at, due.at, item.key, item.headers, item.payload
      from unnest(in_queues, in_items, in_priorities, in_delays_ms, in_epochs_ms, in_keys, in_headers, in_payloads)
        as item (queue, item_id, priority, delay_ms, epoch_ms, key, headers, payload)
      cross join lateral (select ${dueAt('item.delay_ms', 'item.epoch_ms')} as at) due
      on conflict do nothing returning item_id
    )
    select array_agg(new.item_id) into written from new;
    if cardinality(written) = cardinality(in_items) then return '{}'; end if;
    return array(select given from unnest(in_items) given where given <> all (coalesce(written, '{}')));
  end $$;

  create function ${S}.take_key(in_queue int, in_key text, in_until text, in_ms float8, in_item uuid) returns uuid
  language plpgsql as $$
  declare
    held ${S}.once;
    expiry timestamptz := clock_timestamp() + make_interval(secs => in_ms / 1000);
    is_there boolean;
  begin
    lock table ${S}.waiting, ${S}.running, ${S}.parked in row exclusive mode;
    loop
      insert into ${S}.once values (in_queue, in_key, in_item, in_until, expiry) on conflict do nothing;
      if found then return in_item; end if;
      select * into held from ${S}.once where queue = in_queue and key = in_key for update;
      continue when not found;
      if held.until = 'time' then
        is_there := held.expires_at > clock_timestamp();
      else
        perform from ${S}.waiting where item_id = held.item_id for share;
        is_there := found;
        if not is_there then
          perform from ${S}.parked where item_id = held.item_id for share;
          is_there := found;
        end if;
        if not is_there and held.until = 'finished' then
          is_there := exists (select from ${S}.running where item_id = held.item_id);
        end if;
      end if;
      if is_there then return held.item_id; end if;
      update ${S}.once set item_id = in_item, until = in_until, expires_at = expiry where queue = in_queue and key = in_key;
      return in_item;
    end loop;
  end $$;`
