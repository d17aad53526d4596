import { TenfoldError } from '../../core/errors.ts'
import { SCHEMA } from '../guard.ts'
import type { ShardDatabase } from '../shard-layout.ts'
import type { MoveState, MoveWish } from './move.ts'
import { isOver } from './move.ts'

/** A move and what it is about. */
export interface Move {
  readonly id: number
  /** Of the record: who writes a later one has seen this one. */
  readonly version: number
  readonly buckets: readonly number[]
  /** Of the map that it is about to make, while buckets change hands. */
  readonly epoch: number | undefined
  readonly wish: MoveWish | undefined
  readonly state: MoveState
  readonly begunAt: Date
  readonly changedAt: Date
}

/** What becomes different. */
export interface MoveChange {
  readonly state?: MoveState
  /** 0: of none. Only one move has the next epoch of the map at a time. @throws TF_MOVE_BLOCKED another one has it */
  readonly epoch?: number
  /** The wish that it has is granted, or refused. */
  readonly isWishHeard?: boolean
}

/** The moves of a database, in the order in which they were asked for. */
export interface MoveStore {
  /** @throws TF_MOVE_REFUSED another move that is not over has some of these buckets */
  add(buckets: readonly number[], state: MoveState): Promise<Move>
  /** @throws TF_MOVE_UNKNOWN */
  read(id: number): Promise<Move>
  /** Those that are not over, or the last few of all. */
  list(which: 'open' | 'all'): Promise<readonly Move[]>
  /** @throws TF_MOVE_TAKEN somebody else has changed it since */
  save(move: Move, change: MoveChange): Promise<Move>
  /** Leaves a wish for whoever drives the move. @throws TF_MOVE_UNKNOWN */
  ask(id: number, wish: MoveWish): Promise<void>
}

const LISTED_MAX = 1_000

/** Keeps moves on shard 0. */
export function createMoveStore(first: () => ShardDatabase): MoveStore {
  return {
    add(buckets, state) {
      return first().transaction(async (tx) => {
        await tx.query(`lock table ${SCHEMA}.move in share row exclusive mode`)
        const { rows: others } = await tx.query<{ id: number }>(
          `select id from ${SCHEMA}.move where not is_over and buckets && $1::int[] limit 1`,
          [buckets],
        )
        if (others[0] !== undefined) throw alreadyMoving(others[0].id)
        const { rows } = await tx.query<MoveRow>(
          `insert into ${SCHEMA}.move (buckets, document) values ($1, $2) returning *`,
          [buckets, state],
        )
        return moveOf(rows[0] as MoveRow)
      })
    },
    async read(id) {
      const { rows } = await first().query<MoveRow>(`select * from ${SCHEMA}.move where id = $1`, [id])
      if (rows[0] === undefined) throw unknown(id)
      return moveOf(rows[0])
    },
    async list(which) {
      const { rows } = await first().query<MoveRow>(
        `select * from (select * from ${SCHEMA}.move where $1 or not is_over order by id desc limit ${LISTED_MAX}) one order by id`,
        [which === 'all'],
      )
      return rows.map(moveOf)
    },
    async save(move, { state = move.state, epoch = move.epoch ?? 0, isWishHeard = false }) {
      try {
        const { rows } = await first().query<MoveRow>(
          `update ${SCHEMA}.move set version = version + 1, document = $3, epoch = nullif($4, 0), is_over = $5,
             wish = case when $6 and wish = $7 then null else wish end, changed_at = clock_timestamp()
           where id = $1 and version = $2 returning *`,
          [move.id, move.version, state, epoch, isOver(state.step), isWishHeard, move.wish ?? null],
        )
        if (rows[0] !== undefined) return moveOf(rows[0])
      } catch (error) {
        throw isEpochTaken(error) ? otherIsFirst(move.id, error) : error
      }
      throw new TenfoldError('TF_MOVE_TAKEN', `expected to drive move ${move.id}, but somebody else does`, {
        hint: 'leave it to them: two control planes of one system run',
        details: { move: move.id },
      })
    },
    async ask(id, wish) {
      const { rowCount } = await first().query(`update ${SCHEMA}.move set wish = $2 where id = $1`, [id, wish])
      if (rowCount === 0) throw unknown(id)
    },
  }
}

interface MoveRow {
  readonly id: number
  readonly version: number
  readonly buckets: readonly number[]
  readonly epoch: number | null
  readonly wish: MoveWish | null
  readonly document: MoveState
  readonly begun_at: Date
  readonly changed_at: Date
}

function moveOf(row: MoveRow): Move {
  return {
    id: row.id,
    version: row.version,
    buckets: row.buckets,
    epoch: row.epoch ?? undefined,
    wish: row.wish ?? undefined,
    state: row.document,
    begunAt: row.begun_at,
    changedAt: row.changed_at,
  }
}

function isEpochTaken(error: unknown): boolean {
  return error instanceof Error && 'constraint' in error && error.constraint === 'move_epoch_key'
}

function otherIsFirst(id: number, cause: unknown): TenfoldError {
  return new TenfoldError(
    'TF_MOVE_BLOCKED',
    `expected move ${id} to be the next to change the map, but another one is`,
    {
      hint: 'nothing: it waits for its turn',
      details: { move: id },
      cause,
    },
  )
}

function alreadyMoving(other: number): TenfoldError {
  return new TenfoldError('TF_MOVE_REFUSED', `expected buckets that are not being moved, but move ${other} has some`, {
    hint: `finish it (tenfold shards move ${other} --finish --yes) or abort it (--abort)`,
    details: { move: other },
  })
}

function unknown(id: number): TenfoldError {
  return new TenfoldError('TF_MOVE_UNKNOWN', `expected a move ${id}, got none`, {
    hint: 'see which there are: tenfold shards status',
    details: { move: id },
  })
}
