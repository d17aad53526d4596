import type { StatementRunner } from '../../../topics/topic-database.ts'
import type { ClaimedItem } from '../../queue-engine.ts'
import type { ItemRow } from './item-row.ts'
import { itemColumns, itemOf } from './item-row.ts'
import { SCHEMA } from './schema.ts'

/** Below these places, one for each priority, nothing waited at a snapshot; see `claiming.ts`. */
export interface Floor {
  /** Of the server. */
  readonly incarnation: string
  readonly seen: string
  /** Texts of times, as exact as the database has them. */
  readonly at: readonly string[]
  readonly number: readonly string[]
}

/** What a claim has brought. */
export interface ClaimOutcome {
  /** The lease of the worker has run out: nothing was taken. */
  readonly isLost: boolean
  readonly items: readonly Omit<ClaimedItem, 'signal'>[]
  /** There may be more at once. */
  readonly isMore: boolean
  /** When the next one may begin, ms from now; undefined: not known, or now. */
  readonly nextMs: number | undefined
  readonly floor: Floor | undefined
}

/** Takes the next items for a worker that has its lease. */
export async function claimItems(
  runner: StatementRunner,
  request: { readonly queue: number; readonly worker: string; readonly max: number; readonly floor: Floor | undefined },
): Promise<ClaimOutcome> {
  const { queue, worker, max, floor } = request
  const values = [
    queue,
    worker,
    max,
    floor?.incarnation ?? null,
    floor?.seen ?? null,
    floor?.at ?? null,
    floor?.number ?? null,
  ]
  const { rows } = await runner.query<ClaimRow>(CLAIM, values)
  const [first] = rows
  if (first === undefined) throw new Error('the statement gives a row even where there are no items')
  const { incarnation, seen, floor_at: at, floor_number: number } = first
  return {
    isLost: first.is_lost,
    isMore: first.is_more,
    nextMs: first.next_ms ?? undefined,
    floor:
      incarnation === null || seen === null || at === null || number === null
        ? undefined
        : { incarnation, seen, at, number },
    items: rows
      .filter((row) => row.claim !== null)
      .map((row) => ({ ...itemOf(row), attempt: row.attempts + 1, claim: row.claim as string })),
  }
}

interface ClaimRow extends ItemRow {
  readonly incarnation: string | null
  readonly seen: string | null
  readonly floor_at: string[] | null
  readonly floor_number: string[] | null
  readonly next_ms: number | null
  readonly is_more: boolean
  readonly is_lost: boolean
  readonly claim: string | null
}

// The comment says to lanes, which only read, that this writes.
const CLAIM = `
  select claimed.incarnation, claimed.seen::text as seen, claimed.floor_at::text[] as floor_at, claimed.floor_number::text[] as floor_number,
    claimed.next_ms, claimed.is_more, claimed.items is null as is_lost, item.claim, ${itemColumns('item')}
  from ${SCHEMA}.claim($1, $2, $3, $4, $5::pg_snapshot, $6::timestamptz[], $7::bigint[]) claimed
  left join lateral unnest(claimed.items) item on true /* update */`
