import { TenfoldError } from '../../core/errors.ts'
import type { ShardMap } from '../shard-map.ts'

/** What an operator wants to have moved. */
export type PlanRequest =
  /** These buckets of a shard, or half of it, to another one. */
  | {
      readonly kind: 'move'
      readonly from: number
      readonly to: number
      readonly buckets?: readonly number[] | undefined
    }
  /** Half of a shard goes to another one; without shards, half of each that has something to one that has nothing. */
  | { readonly kind: 'split'; readonly from?: number | undefined; readonly to?: number | undefined }
  /** All of a shard goes to another one. */
  | { readonly kind: 'merge'; readonly from: number; readonly to: number }
  /** All of a shard goes to the others, to those that have least. */
  | { readonly kind: 'drain'; readonly from: number }
  /** As few buckets as possible move, so that all shards have about as much. */
  | { readonly kind: 'rebalance' }

/** Buckets that go from one shard to another in one move. */
export interface PlannedMove {
  readonly buckets: readonly number[]
  readonly source: number
  readonly target: number
}

/** What is known for a plan. */
export interface PlanGround {
  readonly map: ShardMap
  /** How many shards there are, those without buckets included. */
  readonly count: number
  /** Of each bucket: bytes, rows, whatever is to be spread. One that is not there weighs nothing. */
  readonly weights: ReadonlyMap<number, number>
  /** Buckets that are on the move already: they stay where they are. */
  readonly moving: ReadonlySet<number>
}

/** A shard within so much of the mean is balanced. */
const BALANCED = 0.1

/**
 * Pure: the moves that do what is asked for.
 *
 * @throws TF_MOVE_REFUSED it makes no sense with these shards
 * @example planMoves({ kind: 'merge', from: 3, to: 2 }, ground) // [{ buckets: [768, …], source: 3, target: 2 }]
 */
export function planMoves(request: PlanRequest, ground: PlanGround): readonly PlannedMove[] {
  const load = loadOf(ground)
  switch (request.kind) {
    case 'move':
    case 'merge': {
      const { from, to } = request
      expectShard(from, ground)
      expectShard(to, ground)
      return movesOf(from, to, chosen(request, load[from]!), 'none of these buckets is there, or all are on the move')
    }
    case 'split':
      return split(request, ground, load)
    case 'drain':
      expectShard(request.from, ground)
      return drain(request.from, load)
    case 'rebalance':
      return rebalance(load)
  }
}

interface Bucket {
  readonly number: number
  readonly weight: number
}

function loadOf({ map, count, weights, moving }: PlanGround): Bucket[][] {
  const load: Bucket[][] = Array.from({ length: count }, () => [])
  for (const [number, { shard }] of map.owners) {
    if (!moving.has(number)) load[shard]?.push({ number, weight: weights.get(number) ?? 0 })
  }
  return load
}

function split(
  { from, to }: { readonly from?: number | undefined; readonly to?: number | undefined },
  ground: PlanGround,
  load: readonly (readonly Bucket[])[],
): readonly PlannedMove[] {
  const empty = load.flatMap((buckets, shard) => (buckets.length === 0 ? [shard] : []))
  if (from !== undefined) {
    expectShard(from, ground)
    const target = to ?? empty[0]
    if (target === undefined) throw refused('expected a shard that has nothing yet, got none', MORE_SHARDS)
    expectShard(target, ground)
    return movesOf(from, target, half(load[from]!), 'it has fewer than two buckets')
  }
  if (empty.length === 0) throw refused('expected a shard that has nothing yet, got none', MORE_SHARDS)
  const heaviest = load
    .map((buckets, shard) => ({ shard, buckets, weight: sum(buckets) }))
    .filter(({ buckets }) => buckets.length > 1)
    .toSorted((a, b) => b.weight - a.weight || a.shard - b.shard)
    .slice(0, empty.length)
    .toSorted((a, b) => a.shard - b.shard)
  if (heaviest.length === 0) {
    throw refused(
      'expected a shard with more than one bucket, got none',
      'move whole intervals or lists: tenfold shards move FROM TO --buckets NUMBER',
    )
  }
  return heaviest.flatMap(({ shard, buckets }, n) => movesOf(shard, empty[n]!, half(buckets), ''))
}

const MORE_SHARDS = 'raise shards.count in the blueprint and apply it first'

/** So that what goes and what stays weigh about as much. */
function half(buckets: readonly Bucket[]): readonly Bucket[] {
  return spread(buckets, [0, 0])[1]!
}

function drain(from: number, load: readonly (readonly Bucket[])[]): readonly PlannedMove[] {
  const others = load.flatMap((buckets, shard) => (shard === from ? [] : [{ shard, buckets }]))
  if (others.length === 0) throw refused('expected another shard to move the buckets to, got none', MORE_SHARDS)
  const parts = spread(
    load[from]!,
    others.map(({ buckets }) => sum(buckets)),
  )
  return others.flatMap(({ shard }, n) => (parts[n]!.length === 0 ? [] : movesOf(from, shard, parts[n]!, '')))
}

/**
 * Gives each bucket to the side that weighs least, the heaviest first. A bucket that has nothing yet will: it weighs a quarter of
 * what one does in the mean, so that those are spread, too.
 *
 * @param weights of the sides before
 */
function spread(buckets: readonly Bucket[], weights: readonly number[]): readonly (readonly Bucket[])[] {
  const least = sum(buckets) / buckets.length / 4 || 1
  const sides = weights.map((weight) => ({ weight, buckets: [] as Bucket[] }))
  for (const bucket of buckets.toSorted((a, b) => b.weight - a.weight || a.number - b.number)) {
    const side = sides.reduce((lightest, each) => (each.weight < lightest.weight ? each : lightest))
    side.weight += Math.max(bucket.weight, least)
    side.buckets.push(bucket)
  }
  return sides.map((side) => side.buckets)
}

function rebalance(load: readonly (readonly Bucket[])[]): readonly PlannedMove[] {
  const shards = load.map((buckets, shard) => ({ shard, buckets: [...buckets], weight: sum(buckets) }))
  const mean = sum(shards) / shards.length
  const moves = new Map<string, { from: number; to: number; buckets: Bucket[] }>()
  // Each step takes a bucket from the heaviest, so there are at most as many as buckets.
  for (let step = load.reduce((total, { length }) => total + length, 0); step > 0; step--) {
    const sorted = shards.toSorted((a, b) => a.weight - b.weight || a.shard - b.shard)
    const [lightest, heaviest] = [sorted[0]!, sorted.at(-1)!]
    if (heaviest.weight - mean <= BALANCED * mean && mean - lightest.weight <= BALANCED * mean) break
    // Of those that bring both closer to each other the heaviest.
    const room = heaviest.weight - lightest.weight
    const bucket = heaviest.buckets
      .filter(({ weight }) => weight > 0 && weight < room)
      .toSorted((a, b) => Math.abs(a.weight - room / 2) - Math.abs(b.weight - room / 2) || a.number - b.number)[0]
    if (bucket === undefined) break
    heaviest.buckets.splice(heaviest.buckets.indexOf(bucket), 1)
    heaviest.weight -= bucket.weight
    lightest.buckets.push(bucket)
    lightest.weight += bucket.weight
    const key = `${heaviest.shard} ${lightest.shard}`
    const move = moves.get(key) ?? { from: heaviest.shard, to: lightest.shard, buckets: [] }
    moves.set(key, move)
    move.buckets.push(bucket)
  }
  return [...moves.values()].flatMap(({ from, to, buckets }) => movesOf(from, to, buckets, ''))
}

function movesOf(source: number, target: number, buckets: readonly Bucket[], ifNone: string): readonly PlannedMove[] {
  if (source === target) throw refused('expected two different shards, got one', 'name another target')
  if (buckets.length === 0) throw refused(`expected shard ${source} to have something to move, but ${ifNone}`, STATUS)
  return [{ buckets: buckets.map(({ number }) => number).toSorted((a, b) => a - b), source, target }]
}

const STATUS = 'see what is where: tenfold shards status'

function chosen(request: PlanRequest & { readonly kind: 'move' | 'merge' }, all: readonly Bucket[]): readonly Bucket[] {
  if (request.kind === 'merge') return all
  if (request.buckets === undefined) return half(all)
  const wanted = new Set(request.buckets)
  return all.filter(({ number }) => wanted.has(number))
}

function expectShard(shard: number, { count }: PlanGround): void {
  if (!Number.isInteger(shard) || shard < 0 || shard >= count) {
    throw refused(`expected one of the shards 0 to ${count - 1}, got ${shard}`, MORE_SHARDS)
  }
}

function sum(all: readonly { readonly weight: number }[]): number {
  return all.reduce((total, { weight }) => total + weight, 0)
}

function refused(message: string, hint: string): TenfoldError {
  return new TenfoldError('TF_MOVE_REFUSED', message, { hint })
}
