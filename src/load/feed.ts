import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Feed, Scenario } from '../blueprint/scenario.ts'
import { messageOf, TenfoldError } from '../core/errors.ts'
import { parseCsv } from './csv.ts'

/** A feed whose rows are in memory: plain data, sent to every worker. */
export type LoadedFeed = { readonly pick: 'random' | 'sequential' } & (
  | { readonly kind: 'sequence'; readonly from: number; readonly to: number }
  | { readonly kind: 'rows'; readonly columns: readonly string[]; readonly rows: readonly (readonly unknown[])[] }
)

/** Rows that a feed may have. */
const FEED_ROWS_MAX = 1_000_000

/** Feeds of all scenarios, by scenario and name. */
export type LoadedFeeds = Readonly<Record<string, Readonly<Record<string, LoadedFeed>>>>

/**
 * Reads the feeds of all scenarios.
 *
 * @param directory where relative paths start
 * @throws TF_FEED_INVALID with the scenario, the feed and what is wrong
 */
export async function loadFeeds(scenarios: readonly Scenario[], directory: string): Promise<LoadedFeeds> {
  const feeds: Record<string, Record<string, LoadedFeed>> = {}
  for (const scenario of scenarios) {
    const ofScenario: Record<string, LoadedFeed> = {}
    for (const [name, feed] of Object.entries(scenario.feeds ?? {})) {
      const where = `feed "${name}" of scenario "${scenario.name}"`
      const loaded = await loadFeed(feed, directory, where)
      if (rowCount(loaded) < 1) throw invalid(where, 'expected at least one row, got none')
      if (rowCount(loaded) > FEED_ROWS_MAX && loaded.kind === 'rows') {
        throw invalid(where, `expected at most ${FEED_ROWS_MAX} rows, got ${rowCount(loaded)}`)
      }
      ofScenario[name] = loaded
    }
    feeds[scenario.name] = ofScenario
  }
  return feeds
}

/** Names of the columns of a feed. */
export function columnsOf(feed: LoadedFeed): readonly string[] {
  return feed.kind === 'sequence' ? ['value'] : feed.columns
}

/** Rows in a feed. */
export function rowCount(feed: LoadedFeed): number {
  return feed.kind === 'sequence' ? feed.to - feed.from + 1 : feed.rows.length
}

/** A value of a row; undefined where the row has no such column. */
export function valueAt(feed: LoadedFeed, row: number, column: number): unknown {
  return feed.kind === 'sequence' ? feed.from + row : feed.rows[row]?.[column]
}

async function loadFeed(feed: Feed, directory: string, where: string): Promise<LoadedFeed> {
  const pick = feed.pick ?? 'random'
  if ('sequence' in feed) {
    const { from, to } = feed.sequence
    if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to)) {
      throw invalid(where, `expected whole numbers, got ${from} to ${to}`)
    }
    return { kind: 'sequence', pick, from, to }
  }
  if ('rows' in feed) {
    const columns = [...new Set(feed.rows.flatMap((row) => Object.keys(row)))]
    return { kind: 'rows', pick, columns, rows: feed.rows.map((row) => columns.map((column) => row[column])) }
  }
  const path = resolve(directory, feed.file)
  const lines = await readRows(path, where)
  const columns = lines[0] ?? []
  const rows = lines.slice(1)
  const torn = rows.findIndex((row) => row.length !== columns.length)
  if (torn >= 0) {
    throw invalid(where, `expected ${columns.length} cells in row ${torn + 1} of ${path}, got ${rows[torn]?.length}`)
  }
  return { kind: 'rows', pick, columns, rows }
}

async function readRows(path: string, where: string): Promise<string[][]> {
  try {
    return parseCsv(await readFile(path, 'utf8'))
  } catch (cause) {
    throw invalid(where, `expected a readable CSV file, got: ${messageOf(cause)}`, cause)
  }
}

function invalid(where: string, problem: string, cause?: unknown): TenfoldError {
  return new TenfoldError('TF_FEED_INVALID', `${where}: ${problem}`, {
    hint: 'give a sequence, rows, or a CSV file with a header line and at least one row',
    cause,
  })
}
