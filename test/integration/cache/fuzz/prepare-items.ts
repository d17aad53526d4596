import type { DatabaseConnection } from '../../../../src/sql/database.ts'

/** The items that workers read and change, all at version 0. */
export async function prepareItems(database: Pick<DatabaseConnection, 'query'>): Promise<void> {
  await database.query('create table if not exists item (key text primary key, version int not null)')
  await database.query('truncate item')
  await database.query(`insert into item select 'item ' || n, 0 from generate_series(0, 99) n`)
}
