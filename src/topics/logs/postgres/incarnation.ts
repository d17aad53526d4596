import type { StatementRunner } from '../../topic-database.ts'
import { SCHEMA } from './schema-name.ts'

/*
 * A server that crashes, and a standby that takes over, may give out numbers of transactions again that the one before had
 * given out: of those that left no trace in the log that survived, such as a rollback a moment earlier. A snapshot from
 * before says that they have ended, so that whoever went on reading behind it would never see what they publish now. A
 * snapshot in a committed row of the database is safe: everything that had ended at it stands before that row in the log.
 *
 * So positions in memory are good for one incarnation of the server only. What tells it is a row of an unlogged table,
 * which PostgreSQL empties at the end of each recovery, and keeps when it is stopped in order.
 */

/** Part of the layout's version 2. */
export const INCARNATION_TABLE: string = `
  create unlogged table ${SCHEMA}.incarnation (
    is_only boolean primary key default true check (is_only),
    id uuid not null default gen_random_uuid()
  );`

/** The incarnation that the server is in. */
export async function readIncarnation(runner: StatementRunner): Promise<string> {
  for (;;) {
    const { rows } = await runner.query<{ id: string }>(`select id from ${SCHEMA}.incarnation`)
    if (rows[0] !== undefined) return rows[0].id
    await runner.query(`insert into ${SCHEMA}.incarnation default values on conflict do nothing`)
  }
}

/** A condition: the server is in the incarnation that it was in. */
export function isIncarnation(parameter: string): string {
  return `exists (select from ${SCHEMA}.incarnation where id = ${parameter})`
}
