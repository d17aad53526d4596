import { SCHEMA as S } from './schema.ts'

/**
 * Writes the rows of a table anew, and throws away the file with all that have left: the vacuum can't while anybody holds an
 * old snapshot, this can. Nobody reads or writes the table meanwhile, so it has to have few rows; -1: it has more.
 */
export const COMPACTING: string = `
  create function ${S}.compact(in_table text, in_max int) returns int language plpgsql as $$
  declare
    kept int;
  begin
    execute format('lock table ${S}.%I in access exclusive mode', in_table);
    execute format('create temporary table kept on commit drop as select * from ${S}.%I limit %s', in_table, in_max + 1);
    get diagnostics kept = row_count;
    if kept > in_max then
      drop table pg_temp.kept;
      return -1;
    end if;
    execute format('truncate ${S}.%I', in_table);
    execute format('insert into ${S}.%I select * from pg_temp.kept', in_table);
    drop table pg_temp.kept;
    return kept;
  end $$;`
