import { SCHEMA } from '../guard.ts'

/**
 * What moves need in every shard. Of `move` only the rows of shard 0 count: one place where it is decided which moves there
 * are, and which of them gives the map its next epoch. Who owns a bucket is never read from there, but from the shards.
 */
export const MOVE_TABLES: string = `
  create table ${SCHEMA}.move (
    id int primary key generated always as identity,
    version int not null default 0, -- grows with each change, so that of two who change it one finds out
    is_over boolean not null default false,
    buckets int[] not null,
    epoch int unique, -- of the map that it is about to make, while it is
    wish text, -- of an operator: what it is to do next
    document jsonb not null,
    begun_at timestamptz not null default clock_timestamp(),
    changed_at timestamptz not null default clock_timestamp()
  );
  -- Buckets that come or go here: tables stay as they are meanwhile.
  create table ${SCHEMA}.moving (
    move int primary key,
    buckets int[] not null,
    holder text not null -- who drives the move; whoever did before must not go on
  );
  -- Everybody who changes a table looks.
  grant select on ${SCHEMA}.moving to public;
  -- Rows that are replicated behind those that were written before them.
  create table ${SCHEMA}.mark (
    move int not null,
    turn int not null,
    number bigint generated always as identity,
    primary key (move, turn, number)
  );`
