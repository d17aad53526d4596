import type { DatabaseConnection } from '../../../src/sql/database.ts'

/** What a group should have done, and has. */
export interface GroupAudit {
  /** Changes that were committed where they were made. */
  readonly committed: number
  /** Those of them without an effect. */
  readonly lost: number
  /** Effects beyond the first of each change, and of changes that were never committed. */
  readonly duplicated: number
  /** Effects that came after one of a later version of the same user. */
  readonly disordered: number
}

/** Prepares the tables that `auditGroup` reads. */
export async function prepareAudit(
  shop: DatabaseConnection,
  effects: readonly DatabaseConnection[],
  users: number,
): Promise<void> {
  await shop.query('create table account (id text primary key, version int not null)')
  await shop.query(`insert into account select 'user' || n, 0 from generate_series(0, $1::int - 1) n`, [users])
  for (const database of effects) {
    await database.query(
      'create table effect (number bigserial primary key, kind text not null, usr text not null, version int not null)',
    )
  }
}

/** Compares the accounts, whose versions count what was committed, with the effects of a group, and nothing in between. */
export async function auditGroup(
  shop: DatabaseConnection,
  effects: DatabaseConnection,
  group: string,
): Promise<GroupAudit> {
  const { rows: accounts } = await shop.query<{ id: string; version: number }>('select id, version from account')
  const { rows } = await effects.query<{ usr: string; versions: number[] }>(
    'select usr, array_agg(version order by number) as versions from effect where kind = $1 group by usr',
    [group],
  )
  const audit = { committed: 0, lost: 0, duplicated: 0, disordered: 0 }
  for (const { id, version } of accounts) {
    const versions = rows.find(({ usr }) => usr === id)?.versions ?? []
    const real = new Set(versions.filter((each) => each >= 1 && each <= version))
    audit.committed += version
    audit.lost += version - real.size
    audit.duplicated += versions.length - real.size
    audit.disordered += versions.filter((each, index) => index > 0 && each < versions[index - 1]!).length
  }
  return audit
}
