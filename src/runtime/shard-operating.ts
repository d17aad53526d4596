import type { Clock } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import type { MoveProblem, MoveStep, MoveWish } from '../shards/reshard/move.ts'
import { directionOf } from '../shards/reshard/move.ts'
import type { Move } from '../shards/reshard/move-store.ts'
import { createMoveDriver } from '../shards/reshard/move-driver.ts'
import type { BucketSize } from '../shards/reshard/bucket-sizes.ts'
import { readBucketSizes } from '../shards/reshard/bucket-sizes.ts'
import type { PlannedMove, PlanRequest } from '../shards/reshard/plans.ts'
import { planMoves } from '../shards/reshard/plans.ts'
import { createResharder } from '../shards/reshard/resharder.ts'
import type { ShardMap } from '../shards/shard-map.ts'
import { outboxDrained } from './outbox-drained.ts'
import type { ShardPlaces } from './shard-places.ts'

/** What people do with the shards of a database that runs. */
export interface ShardOperating {
  /** @param which moves: those that are not over, or the last of all */
  status(which: 'open' | 'all'): Promise<ShardsStatus>
  /** Only the moves, which costs little. */
  moves(): Promise<readonly MoveStatus[]>
  /**
   * What would have to move, and with `isDry` nothing else; otherwise it begins.
   *
   * @throws TF_MOVE_REFUSED it makes no sense with these shards
   */
  plan(request: PlanRequest, isDry: boolean): Promise<readonly PlannedMoveStatus[]>
  /**
   * Asks moves for something: the one of this number, or all that can be asked for it.
   *
   * @returns those that were asked
   * @throws TF_MOVE_REFUSED, TF_MOVE_UNKNOWN
   */
  ask(move: number | 'all', wish: MoveWish): Promise<readonly number[]>
  /** Goes on with the moves that there are, and with those that come. */
  start(): void
  stop(): Promise<void>
}

/** The shards of a database, and what moves between them. */
export interface ShardsStatus {
  readonly database: string
  /** Of the map. */
  readonly epoch: number
  readonly shards: readonly {
    readonly shard: number
    readonly buckets: number
    /** Estimated. */
    readonly rows: number
    readonly bytes: number
  }[]
  readonly moves: readonly MoveStatus[]
}

/** Where a move is. */
export interface MoveStatus {
  readonly id: number
  readonly from: number
  readonly to: number
  readonly buckets: number
  readonly step: MoveStep
  readonly isPaused: boolean
  /** Something was asked of it that it has not heard yet. */
  readonly isAsked: boolean
  /** Moved, and can be taken back. */
  readonly canGoBack: boolean
  readonly problem?: MoveProblem
  /** Of the copy: tables that are there, of how many, and rows of those that are copied now. */
  readonly copied?: { readonly tables: number; readonly of: number; readonly rows: number }
  readonly verifiedRows: number
  /** How long nobody could write the buckets when they changed hands. */
  readonly pauseMs?: number
  readonly begunEpochMs: number
}

/** A move that would be made, or has been asked for. */
export interface PlannedMoveStatus extends Omit<PlannedMove, 'buckets'> {
  readonly buckets: number
  /** Estimated. */
  readonly rows: number
  readonly bytes: number
  /** Undefined where it was only asked what would be. */
  readonly id?: number
}

/** Operates the shards of a database. @param onTrouble is told what kept a move from going on */
export function createShardOperating(
  places: ShardPlaces,
  { clock, onTrouble }: { readonly clock: Clock; readonly onTrouble: (message: string) => void },
): ShardOperating {
  const { database } = places
  const resharder = createResharder({
    clock,
    places: {
      get count() {
        return places.count
      },
      admin: (shard) => places.admin(shard),
      url: (shard) => places.url(shard),
      drained: (shard, signal) => outboxDrained(places.admin(shard), clock, signal),
    },
    onChange({ id, state: { problem } }) {
      if (problem?.isFinal === true) onTrouble(`move ${id} of ${database} has stopped: ${problem.message}`)
    },
  })
  const driver = createMoveDriver({
    resharder,
    clock,
    onTrouble: (id, error) => onTrouble(`move ${id} of ${database} does not go on: ${messageOf(error)}`),
  })

  async function sizes(map: ShardMap): Promise<readonly ReadonlyMap<number, BucketSize>[]> {
    return Promise.all(Array.from({ length: places.count }, (_, shard) => readBucketSizes(places.admin(shard), map)))
  }

  return {
    async status(which) {
      const [map, moves] = await Promise.all([resharder.map(), resharder.list(which)])
      const known = await sizes(map)
      const shards = known.map((its, shard) => {
        const buckets = [...map.owners].filter(([, owner]) => owner.shard === shard).map(([bucket]) => bucket)
        return { shard, buckets: buckets.length, ...sizeOf(buckets, its) }
      })
      return { database, epoch: map.epoch, shards, moves: moves.map(moveStatus) }
    },
    moves: async () => (await resharder.list('all')).map(moveStatus),
    async plan(request, isDry) {
      const [map, open] = await Promise.all([resharder.map(), resharder.list('open')])
      const known = await sizes(map)
      const weights = new Map(
        [...map.owners].map(([bucket, { shard }]) => [bucket, known[shard]?.get(bucket)?.bytes ?? 0] as const),
      )
      const moving = new Set(open.flatMap(({ buckets }) => buckets))
      const planned = planMoves(request, { map, count: places.count, weights, moving })
      const moves: PlannedMoveStatus[] = []
      for (const { buckets, source, target } of planned) {
        const size = sizeOf(buckets, known[source]!)
        const id = isDry ? undefined : (await resharder.add(buckets, target)).id
        moves.push({ source, target, buckets: buckets.length, ...size, ...(id === undefined ? {} : { id }) })
      }
      driver.wake()
      return moves
    },
    async ask(move, wish) {
      const ids = move === 'all' ? (await resharder.list('open')).map(({ id }) => id) : [move]
      const asked: number[] = []
      let refusal: unknown
      for (const id of ids) {
        try {
          await resharder.ask(id, wish)
          asked.push(id)
        } catch (error) {
          refusal = error
        }
      }
      if (asked.length === 0 && refusal !== undefined) throw refusal
      driver.wake()
      return asked
    },
    start: () => driver.start(),
    stop: () => driver.stop(),
  }
}

function sizeOf(buckets: readonly number[], sizes: ReadonlyMap<number, BucketSize>): BucketSize {
  const all = buckets.map((bucket) => sizes.get(bucket) ?? { rows: 0, bytes: 0 })
  return {
    rows: all.reduce((total, { rows }) => total + rows, 0),
    bytes: all.reduce((total, { bytes }) => total + bytes, 0),
  }
}

function moveStatus({ id, buckets, begunAt, state, wish }: Move): MoveStatus {
  const { step, isPaused, problem, copied, verifiedRows, pauseMs, back } = state
  return {
    id,
    ...directionOf(state),
    buckets: buckets.length,
    step,
    isPaused,
    isAsked: wish !== undefined,
    verifiedRows,
    canGoBack: step === 'moved' && back !== undefined,
    ...(copied === undefined ? {} : { copied }),
    ...(problem === undefined ? {} : { problem }),
    ...(pauseMs === undefined ? {} : { pauseMs }),
    begunEpochMs: begunAt.getTime(),
  }
}
