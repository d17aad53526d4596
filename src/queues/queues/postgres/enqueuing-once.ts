import { SCHEMA as S } from './schema.ts'

/**
 * Who may put an item in under a key. Keys are not given back when an item begins or ends: whoever wants one looks whether
 * its item is still there. That row stays locked until he has committed, so that the item does not begin before.
 */
export const ENQUEUING_ONCE: string = `
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
