/** What of a seed's context this needs. */
interface Statements {
  execute(sql: string): Promise<void>
}

/**
 * Runs `fill` on tables without their keys, indexes and foreign keys, and puts these back afterwards: filling a bare
 * table and sorting once is several times faster than keeping an index in order row by row. The definitions are read
 * from the database, so that the migrations remain the only place that has them.
 */
export async function fillBare(
  context: Statements,
  tables: readonly string[],
  fill: () => Promise<void>,
): Promise<void> {
  const list = tables.map((table) => `'${table}'`).join(', ')
  await context.execute(`
    set local maintenance_work_mem = '128MB';
    create temporary table bare_table on commit drop as
      select quote_ident(name)::regclass as id from unnest(array[${list}]) name;
    create temporary table bare_definition (step integer, undo text, redo text) on commit drop;
    -- Foreign keys go first and come back last, those of other tables included.
    insert into bare_definition
      select case contype when 'f' then 3 else 1 end,
             format('alter table %s drop constraint %I', conrelid::regclass, conname),
             format('alter table %s add constraint %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
        from pg_constraint
       where contype in ('p', 'u', 'f')
         and (conrelid in (select id from bare_table) or confrelid in (select id from bare_table));
    insert into bare_definition
      select 2, format('drop index %s', indexrelid::regclass), pg_get_indexdef(indexrelid)
        from pg_index
       where indrelid in (select id from bare_table)
         and not exists (select from pg_constraint where conindid = indexrelid);
    do $$ declare definition record; begin
      for definition in select * from bare_definition order by step desc loop execute definition.undo; end loop;
    end $$;`)
  await fill()
  await context.execute(`
    do $$ declare definition record; begin
      for definition in select * from bare_definition order by step loop execute definition.redo; end loop;
    end $$;
    drop table bare_definition, bare_table;
    analyze ${tables.map((table) => `"${table}"`).join(', ')};`)
}
