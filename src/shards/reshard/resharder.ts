import { TenfoldError } from '../../core/errors.ts'
import { readMap } from '../shard-layout.ts'
import type { ShardMap } from '../shard-map.ts'
import type { MoveWish } from './move.ts'
import { moveWished, plannedMove } from './move.ts'
import type { Move } from './move-store.ts'
import { createMoveStore } from './move-store.ts'
import type { MoverOptions } from './mover.ts'
import { driveMove } from './mover.ts'

/** Moves buckets of a database between its shards. */
export interface Resharder {
  /** What is where. */
  map(): Promise<ShardMap>
  /**
   * Writes down that buckets are to go to another shard; `drive` does it.
   *
   * @throws TF_MOVE_REFUSED they are not all on one other shard, or another move has some of them
   */
  add(buckets: readonly number[], target: number): Promise<Move>
  /** Moves that are not over, or the last of all. */
  list(which: 'open' | 'all'): Promise<readonly Move[]>
  /** Drives a move until it rests; see `driveMove`. */
  drive(id: number, signal: AbortSignal): Promise<Move>
  /**
   * Asks whoever drives a move, now or next, for something else.
   *
   * @throws TF_MOVE_REFUSED it can't be, in the step that it is in; TF_MOVE_UNKNOWN
   */
  ask(id: number, wish: MoveWish): Promise<void>
}

/** Makes one; nothing happens before it is used. Shards need the layout that `installShard` makes. */
export function createResharder(options: Omit<MoverOptions, 'store'>): Resharder {
  const { places } = options
  const store = createMoveStore(() => places.admin(0))
  const map = (): Promise<ShardMap> => readMap(places.admin(0))
  return {
    map,
    async add(buckets, target) {
      const source = sourceOf(await map(), buckets, target)
      if (target < 0 || target >= places.count) throw noShard(target, places.count)
      return store.add(
        buckets.toSorted((a, b) => a - b),
        plannedMove(source, target),
      )
    },
    list: (which) => store.list(which),
    drive: (id, signal) => driveMove(id, { ...options, store }, signal),
    async ask(id, wish) {
      moveWished((await store.read(id)).state, wish)
      await store.ask(id, wish)
    },
  }
}

function sourceOf({ owners }: ShardMap, buckets: readonly number[], target: number): number {
  const shards = new Set(buckets.map((bucket) => owners.get(bucket)?.shard))
  const [source] = shards
  if (shards.size === 1 && source !== undefined && source !== target) return source
  const got = [...shards].map((shard) => shard ?? 'none').join(', ')
  throw new TenfoldError(
    'TF_MOVE_REFUSED',
    `expected buckets that are all on one shard other than ${target}, got some of ${got === '' ? 'none' : got}`,
    { hint: 'see what is where: tenfold shards status', details: { shards: [...shards], target } },
  )
}

function noShard(target: number, count: number): TenfoldError {
  return new TenfoldError('TF_MOVE_REFUSED', `expected one of the shards 0 to ${count - 1}, got ${target}`, {
    hint: 'give the database more shards in the blueprint first',
    details: { target, count },
  })
}
