import { SCHEMA } from './schema-name.ts'

/*
 * Statements that run often are functions, so that a session plans each of them once: planning one on a partitioned table
 * takes longer than running it. They are the same behind a pooler, where prepared statements are not, and run with the
 * rights of whoever calls them.
 */

/** Slots of a topic that strict publishing locks: a publish takes so many locks at most. */
const SLOTS = 256

/** Adds events in the order given; part of the layout's version 2. */
export const PUBLISH_FUNCTIONS: string = `
  create function ${SCHEMA}.append_one(
    topic int, partition smallint, message_id uuid, key text, headers text, payload text
  ) returns void language plpgsql as $$
  begin
    insert into ${SCHEMA}.log (slice, topic, partition, message_id, key, headers, payload)
    values ((select max(number) from ${SCHEMA}.slice),
      append_one.topic, append_one.partition, append_one.message_id, append_one.key, append_one.headers, append_one.payload);
  end $$;

  create function ${SCHEMA}.append(
    topics int[], partitions smallint[], message_ids uuid[], keys text[], headers text[], payloads text[], is_strict boolean
  ) returns void language plpgsql as $$
  begin
    if is_strict then
      -- In one order, so that two of them wait for each other at most in one direction. Ids are taken behind the locks.
      perform pg_advisory_xact_lock(hashtextextended('${SCHEMA}.key', lock.topic * ${SLOTS}::bigint + lock.slot)) from (
        select distinct event.topic, hashtextextended(event.key, 0) & ${SLOTS - 1} as slot
        from unnest(topics, keys) event (topic, key) where event.key is not null order by 1, 2
      ) lock;
    end if;
    insert into ${SCHEMA}.log (slice, topic, partition, message_id, key, headers, payload)
    select (select max(number) from ${SCHEMA}.slice), event.*
    from unnest(topics, partitions, message_ids, keys, headers, payloads) event;
  end $$;`
