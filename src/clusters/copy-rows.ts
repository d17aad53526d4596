import { once } from 'node:events'
import { finished } from 'node:stream/promises'
import type { Client } from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import type { SeedValue } from '../blueprint/seed.ts'
import { didYouMean } from '../core/did-you-mean.ts'
import { TenfoldError } from '../core/errors.ts'
import { quoteIdentifier } from '../sql/quote-identifier.ts'
import type { CopyEncoder } from './copy-text.ts'
import { copyEncoder } from './copy-text.ts'

/** Characters that are collected before they are sent. */
const CHUNK = 65_536

/**
 * Streams rows into a table with COPY; waits whenever the server is slower than `rows`.
 *
 * @returns the number of rows the server took
 * @throws TF_SEED_FAILED for a column that does not exist, a row of another length, a value that can't be written
 * @throws the server's error for a row it refuses; `where` names the line and the column
 */
export async function copyRows(
  client: Client,
  table: string,
  columns: readonly string[],
  rows: Iterable<readonly SeedValue[]>,
): Promise<number> {
  const target = table.split('.').map(quoteIdentifier).join('.')
  const encoders = await encodersFor(client, table, target, columns)
  const stream = client.query(copyFrom(`copy ${target} (${columns.map(quoteIdentifier).join(', ')}) from stdin`))
  const done = finished(stream)
  // The failure is looked at below; until then it must not count as unhandled.
  done.catch(() => undefined)
  try {
    for (const chunk of chunksOf(rows, encoders, table)) {
      if (stream.destroyed) break
      if (!stream.write(chunk)) await Promise.race([once(stream, 'drain'), done])
    }
    stream.end()
  } catch (error) {
    stream.destroy(error as Error)
    // The server answers the cancelled COPY; only then is the connection free again.
    await done.catch(() => undefined)
    throw error
  }
  await done
  return stream.rowCount
}

function* chunksOf(
  rows: Iterable<readonly SeedValue[]>,
  encoders: readonly CopyEncoder[],
  table: string,
): Iterable<string> {
  let chunk = ''
  let number = 0
  for (const row of rows) {
    number++
    if (row.length !== encoders.length) throw wrongLength(table, number, encoders.length, row.length)
    for (let i = 0; i < encoders.length; i++) {
      chunk += (i === 0 ? '' : '\t') + (encoders[i] as CopyEncoder)(row[i])
    }
    chunk += '\n'
    if (chunk.length >= CHUNK) {
      yield chunk
      chunk = ''
    }
  }
  if (chunk !== '') yield chunk
}

/** Only the table knows which columns are arrays. */
async function encodersFor(
  client: Client,
  table: string,
  target: string,
  columns: readonly string[],
): Promise<readonly CopyEncoder[]> {
  const { rows } = await client.query<{ name: string; category: string }>(
    `select a.attname as name, t.typcategory as category
       from pg_attribute a join pg_type t on t.oid = a.atttypid
      where a.attrelid = $1::regclass and a.attnum > 0 and not a.attisdropped`,
    [target],
  )
  const categories = new Map(rows.map(({ name, category }) => [name, category]))
  return columns.map((column) => {
    const category = categories.get(column)
    if (category !== undefined) return copyEncoder(column, category === 'A')
    const meant = didYouMean(column, categories.keys())
    const suggestion = meant === undefined ? '' : `; did you mean ${meant}?`
    throw new TenfoldError(
      'TF_SEED_FAILED',
      `expected table ${table} to have a column ${column}, but it has none${suggestion}`,
      {
        hint: `its columns are ${[...categories.keys()].join(', ')}`,
      },
    )
  })
}

function wrongLength(table: string, row: number, expected: number, got: number): TenfoldError {
  return new TenfoldError('TF_SEED_FAILED', `expected ${expected} values in row ${row} for ${table}, got ${got}`, {
    hint: 'yield one value for each column, in the order of the columns',
    details: { table, row },
  })
}
