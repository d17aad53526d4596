/** A line that begins with a backslash, as the statement to run, the text to show, or the wish to leave. */
export type Backslash =
  | { readonly kind: 'statement'; readonly text: string }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'quit' }

const HELP = [
  '\\d          tables, views and sequences',
  '\\d NAME     columns of one of them',
  '\\q          leave (or Ctrl-D)',
  'Statements end with a semicolon. Ctrl-C cancels the one that runs, or forgets the one you write.',
].join('\n')

const RELATIONS = `select n.nspname as schema, c.relname as name,
  case c.relkind when 'r' then 'table' when 'p' then 'partitioned table' when 'v' then 'view'
    when 'm' then 'materialized view' when 'S' then 'sequence' else 'foreign table' end as kind,
  case when c.relkind in ('r', 'm') then pg_size_pretty(pg_total_relation_size(c.oid)) else '' end as size,
  pg_get_userbyid(c.relowner) as owner
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'S', 'f') and n.nspname not in ('pg_catalog', 'information_schema', 'tenfold')
  and n.nspname not like 'pg\\_toast%'
order by 1, 2`

/** Understands a line that begins with a backslash; undefined for any other. */
export function readBackslash(line: string): Backslash | undefined {
  const [command = '', name] = line.trim().split(/\s+/)
  if (!command.startsWith('\\')) return undefined
  if (command === '\\q' || command === '\\quit') return { kind: 'quit' }
  if (command === '\\d' || command === '\\dt') {
    return { kind: 'statement', text: name === undefined ? RELATIONS : columnsOf(name.replace(/;$/, '')) }
  }
  return { kind: 'text', text: command === '\\?' ? HELP : `There is no ${command} here.\n${HELP}` }
}

function columnsOf(name: string): string {
  return `select a.attname as column, format_type(a.atttypid, a.atttypmod) as type,
  case when a.attnotnull then 'not null' else '' end as "null", coalesce(pg_get_expr(d.adbin, d.adrelid), '') as "default"
from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
where a.attrelid = '${name.replaceAll("'", "''")}'::regclass and a.attnum > 0 and not a.attisdropped
order by a.attnum`
}
