/** A moment of the cluster: which transactions had ended. */
export interface LogEdge {
  /** Text of a `pg_snapshot`: `xmin:xmax:xip,…`. */
  readonly snapshot: string
  /** The last id that had been given out then: how far apart two edges are, roughly. */
  readonly mark: bigint
  /** Slices before this one have nothing that is not visible in the snapshot. */
  readonly slice: number
}

/**
 * How far a reader is. Everything visible at `base` has been read. While a window is open, also what is visible at its
 * `target` and has an id up to `after`.
 */
export interface LogPosition {
  readonly base: LogEdge
  readonly window?: { readonly target: LogEdge; readonly after: bigint } | undefined
}

/** Before the first transaction that any cluster can have: 0 to 2 are no transactions. */
export const BEGINNING: LogPosition = { base: { snapshot: '3:3:', mark: 0n, slice: 0 } }

/** Whether everything visible at an edge was read, and nothing else. */
export function isAtEdge({ base, window }: LogPosition, edge: LogEdge): boolean {
  return window === undefined && base.snapshot === edge.snapshot
}

/** Transactions that were under way at a snapshot, of those before its xmax. */
export function inProgress(snapshot: string): readonly string[] {
  const list = snapshot.slice(snapshot.lastIndexOf(':') + 1)
  return list === '' ? [] : list.split(',')
}

/** The first transaction that had not begun to end at a snapshot: all later ones are not visible in it. */
export function nextTransaction(snapshot: string): string {
  return snapshot.split(':')[1] as string
}

/** A position as columns of `progress`, in the order of `POSITION_COLUMNS`. */
export function positionValues({ base, window }: LogPosition): readonly (string | number | null)[] {
  return [
    base.snapshot,
    String(base.mark),
    base.slice,
    window?.target.snapshot ?? null,
    window === undefined ? null : String(window.target.mark),
    window?.target.slice ?? null,
    String(window?.after ?? 0n),
  ]
}

export const POSITION_COLUMNS = 'base, mark, slice, target, target_mark, target_slice, after_id'

/** A row of `progress`, as far as it says a position. */
export interface PositionRow {
  readonly base: string
  readonly mark: string
  readonly slice: number
  readonly target: string | null
  readonly target_mark: string | null
  readonly target_slice: number | null
  readonly after_id: string
}

export function positionOf(row: PositionRow): LogPosition {
  const base = { snapshot: row.base, mark: BigInt(row.mark), slice: row.slice }
  if (row.target === null) return { base }
  const target = { snapshot: row.target, mark: BigInt(row.target_mark ?? 0), slice: row.target_slice ?? 0 }
  return { base, window: { target, after: BigInt(row.after_id) } }
}
