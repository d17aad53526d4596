import type { Clock } from '../../core/clock.ts'
import { sleep } from '../../core/clock.ts'
import { TenfoldError } from '../../core/errors.ts'
import type { ShardDatabase } from '../shard-layout.ts'
import type { MovedTable } from './moved-tables.ts'
import type { RowSums } from './row-sums.ts'
import { nextBoundary, rowSums, sumOfRange } from './row-sums.ts'

/*
 * Compares the rows of two shards while one follows the other. Both are read range by range in the order of the primary key. The
 * two reads see different moments, so a range that differs is looked at row by row: a row that is different again and again, behind
 * marks that have come through, while it does not change on the source, is really different. One that changes all the time
 * can't be told, and is left for the moment in which nothing changes.
 */

/** @see verifyRows */
export interface Verification {
  readonly from: ShardDatabase
  readonly to: ShardDatabase
  readonly tables: readonly MovedTable[]
  /** Condition that a row has to meet. */
  readonly filter: string
  readonly clock: Clock
  /** Resolves when everything that is committed on the one side by now has come to the other. */
  caughtUp(): Promise<void>
  /** Asked between ranges, with the rows that have been compared so far; what it throws is thrown. */
  checkpoint(rows: number): Promise<void>
}

/** Rows that nobody could compare because they were changing. */
export interface HotRows {
  readonly table: MovedTable
  /** Their primary keys, as text. */
  readonly keys: readonly (readonly string[])[]
}

/** What was compared. */
export interface Verified {
  readonly rows: number
  readonly hot: readonly HotRows[]
}

const RANGE_ROWS = 2_000
/** Looks at the same rows, until they are called different or hot. */
const LOOKS_MAX = 6
const LOOKS_DIFFERENT = 3
const HOT_MAX = 1_000
const NAMED_MAX = 5

/**
 * Compares all rows, for half of the time at most.
 *
 * @throws TF_MOVE_DIFFERS some are different; the first of them are named
 */
export async function verifyRows(verification: Verification): Promise<Verified> {
  const { from, to, tables, filter, clock, checkpoint } = verification
  let rows = 0
  const hot: HotRows[] = []
  for (const table of tables) {
    const keys: (readonly string[])[] = []
    let after: readonly string[] | undefined
    do {
      await checkpoint(rows)
      const startMs = clock.nowMs()
      const until = await nextBoundary(from, { table, filter, after, rows: RANGE_ROWS })
      const range = { table, filter, after, until }
      const [theirs, ours] = await Promise.all([sumOfRange(from, range), sumOfRange(to, range)])
      rows += theirs.rows
      if (theirs.rows !== ours.rows || theirs.sum !== ours.sum) {
        const [before, now] = await Promise.all([rowSums(from, range), rowSums(to, range)])
        keys.push(...(await compareAgain(verification, table, differing(before, now))))
      }
      if (keys.length > HOT_MAX) throw tooHot(table, keys.length)
      after = until
      await sleep(clock, clock.nowMs() - startMs)
    } while (after !== undefined)
    if (keys.length > 0) hot.push({ table, keys })
  }
  return { rows, hot }
}

/** Compares rows once, when nobody changes them. @throws TF_MOVE_DIFFERS */
export async function verifyHotRows(from: ShardDatabase, to: ShardDatabase, hot: readonly HotRows[]): Promise<void> {
  for (const { table, keys } of hot) {
    const [theirs, ours] = await Promise.all([rowSums(from, { table, keys }), rowSums(to, { table, keys })])
    const wrong = differing(theirs, ours)
    if (wrong.length > 0) throw different(table, wrong)
  }
}

/** @returns the keys of those that change all the time */
async function compareAgain(
  { from, to, caughtUp }: Verification,
  table: MovedTable,
  suspects: readonly (readonly string[])[],
): Promise<readonly (readonly string[])[]> {
  let keys = suspects
  const seen = new Map<string, { readonly sum: string | undefined; readonly times: number }>()
  for (let look = 0; look < LOOKS_MAX && keys.length > 0; look++) {
    const before = await rowSums(from, { table, keys })
    await caughtUp()
    const ours = await rowSums(to, { table, keys })
    const after = await rowSums(from, { table, keys })
    const wrong: (readonly string[])[] = []
    keys = keys.filter((key) => {
      const id = JSON.stringify(key)
      const [sumBefore, our, sumAfter] = [before.get(id), ours.get(id), after.get(id)]
      if (our === sumBefore || our === sumAfter) return false
      const last = seen.get(id)
      const times = sumBefore === sumAfter ? (last?.sum === sumBefore ? last!.times : 0) + 1 : 0
      seen.set(id, { sum: sumAfter, times })
      if (times >= LOOKS_DIFFERENT) wrong.push(key)
      return true
    })
    if (wrong.length > 0) throw different(table, wrong)
  }
  return keys
}

function differing(theirs: RowSums, ours: RowSums): readonly (readonly string[])[] {
  const ids = new Set([...theirs.keys(), ...ours.keys()])
  return [...ids].filter((id) => theirs.get(id) !== ours.get(id)).map((id) => JSON.parse(id) as readonly string[])
}

function different({ name, key }: MovedTable, keys: readonly (readonly string[])[]): TenfoldError {
  const named = keys.slice(0, NAMED_MAX).map((values) => `(${values.join(', ')})`)
  const columns = key.map((column) => column.name).join(', ')
  const more = keys.length > NAMED_MAX ? ' and more' : ''
  return new TenfoldError(
    'TF_MOVE_DIFFERS',
    `expected the rows of ${name} to be equal on both shards, but those with (${columns}) = ${named.join(', ')}${more} differ`,
    {
      hint: 'compare them on both; the move has changed nothing: abort it (--abort), or let it compare again (--continue)',
      details: { table: name, keys: keys.slice(0, NAMED_MAX) },
    },
  )
}

function tooHot({ name }: MovedTable, count: number): TenfoldError {
  return new TenfoldError(
    'TF_MOVE_BLOCKED',
    `expected fewer than ${HOT_MAX} rows of ${name} to change all the time, got ${count}`,
    { hint: 'nothing: they are compared again when there is less to do', details: { table: name } },
  )
}
