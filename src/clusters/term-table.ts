import { quoteIdentifier } from '../sql/quote-identifier.ts'
import { keepFromServices, SERVICES_ROLE } from './service-roles.ts'
import type { Session } from '../sql/session.ts'
import { inTransaction, withSession } from './set-up-session.ts'

/**
 * Writes into the database itself who leads it, where every service can read it: `tenfold.term` has a row for each term,
 * and the greatest is that of this server; `lsn` is where the log of the term before ended. Repeating it changes nothing.
 *
 * @returns the greatest term, which is greater than the one given if the data is newer than the record of the cluster
 */
export async function recordTerm(adminUrl: string, { term, node }: { term: number; node: number }): Promise<number> {
  return withSession(adminUrl, async (session) => {
    const { rows } = await session.query<{ isThere: boolean }>(
      `select to_regclass('tenfold.term') is not null as "isThere"`,
    )
    if (rows[0]?.isThere === true) {
      const known = await session.query<{ term: string }>(
        'select max(term)::text as term from tenfold.term having max(term) >= $1',
        [term],
      )
      if (known.rows[0] !== undefined) return Number(known.rows[0].term)
    }
    await inTransaction(session, async () => {
      if (rows[0]?.isThere !== true) await makeTable(session)
      await session.query('insert into tenfold.term (term, node, lsn) values ($1, $2, $3) on conflict do nothing', [
        term,
        node,
        await endOfTermBefore(session),
      ])
    })
    return term
  })
}

async function makeTable(session: Session): Promise<void> {
  const own = await session.query<{ name: string }>(
    `select format('tenfold.%I', relname) as name from pg_class where relnamespace = 'tenfold'::regnamespace and relkind = 'r'`,
  )
  // From before services could look into the schema.
  for (const { name } of own.rows) await session.query(keepFromServices(name))
  await session.query(`
    create table tenfold.term (
      term bigint primary key, node integer not null, lsn pg_lsn, began timestamptz not null default now());
    grant usage on schema tenfold to ${quoteIdentifier(SERVICES_ROLE)};
    grant select on tenfold.term to public;`)
}

/** The last line of a history file is that of the timeline before: its number, where it ended, and why. */
async function endOfTermBefore(session: Session): Promise<string | null> {
  const { rows } = await session.query<{ history: string | null }>(
    `select pg_read_file('pg_wal/' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) || '.history', true) as history`,
  )
  const last = rows[0]?.history?.trim().split('\n').at(-1)
  return last?.split('\t')[1] ?? null
}
