import type { Clock } from '../../core/clock.ts'
import { sleep } from '../../core/clock.ts'
import { messageOf, TenfoldError } from '../../core/errors.ts'
import type { DatabaseConnection } from '../../sql/database.ts'
import { isServerError } from '../../sql/sql-failure.ts'
import type { SqlResult } from '../../sql/session.ts'
import type { Statement } from '../../sql/transaction.ts'
import { SCHEMA } from '../guard.ts'
import type { MapHolder } from '../map-holder.ts'
import type { ShardMap } from '../shard-map.ts'
import { ownedBuckets } from './owned-rows.ts'
import type { Turns } from './turns.ts'

/*
 * One statement for every shard, while buckets move.
 *
 * Invariant: what is given out are answers of shards under one map, each shard for exactly the buckets that this map gives
 * it, and each has said behind its answer that its epoch is that of the map. So every bucket was read once, by the shard
 * that had it when it was read: no row is counted twice, and none is missed. An answer under another epoch is thrown away
 * and asked for again under the map that then counts; answers of shards that the newer map leaves as they were stay good.
 *
 * That needs the rows of other buckets left out on each shard, which may be there while they come or after they went: the
 * statement has the condition of `ownedRows`.
 *
 * There is no common moment: one shard is read a little before the other. What a transaction has written to one shard is
 * seen whole or not at all; what two transactions wrote to two shards may be seen by halves.
 */

/** A shard that has not answered in time, or has failed. */
export interface MissingShard {
  readonly shard: number
  readonly error: Error
}

/** What to ask. */
export interface GatherRequest {
  readonly deadlineMs: number
  /** Whether to give what came when others have failed. */
  readonly isPartial: boolean
  /** The statement for a shard. @param buckets that it answers for by this map, see `ownedBuckets` */
  statement(map: ShardMap, buckets: string): Statement
}

/** With the epoch that the shard said behind it. */
interface Answer {
  readonly epoch: number | undefined
  readonly rows: readonly Row[]
}

/** What came. */
export interface Gathered {
  /** Rows of each shard. */
  readonly answers: readonly (readonly Row[])[]
  /** Empty unless partial answers were asked for. */
  readonly missing: readonly MissingShard[]
}

export type Row = Record<string, unknown>

/** Where shards are found. */
export interface ShardsToAsk {
  readonly maps: MapHolder
  readonly clock: Clock
  at(shard: number): Pick<DatabaseConnection, 'readTogether' | 'transaction'>
  turns(shard: number): Turns
}

/** Asked behind the statement, on the same connection. */
const EPOCH: Statement = { text: `select epoch from ${SCHEMA}.state` }
const PAUSE_MIN_MS = 2
const PAUSE_MAX_MS = 50

/**
 * Asks all shards side by side.
 *
 * @throws the server's error about the statement
 * @throws TF_SHARD_UNANSWERED a shard has failed or was too slow, which is named, unless partial answers are wanted
 */
export async function gather(shards: ShardsToAsk, request: GatherRequest): Promise<Gathered> {
  const { clock } = shards
  const round = new GatherRound(shards, request)
  const isLate = Promise.withResolvers<'late'>()
  const cancel = clock.schedule(request.deadlineMs, () => isLate.resolve('late'))
  try {
    const outcome = await Promise.race([round.run(), isLate.promise])
    return outcome === 'late' ? round.giveUp() : outcome
  } finally {
    round.isOver = true
    cancel()
  }
}

class GatherRound {
  isOver = false
  readonly #shards: ShardsToAsk
  readonly #request: GatherRequest
  readonly #endMs: number
  readonly #answers = new Map<number, Answer>()
  readonly #failures = new Map<number, Error>()
  #map: ShardMap | undefined

  constructor(shards: ShardsToAsk, request: GatherRequest) {
    this.#shards = shards
    this.#request = request
    this.#endMs = shards.clock.nowMs() + request.deadlineMs
  }

  async run(): Promise<Gathered> {
    const { maps, clock } = this.#shards
    let pauseMs = PAUSE_MIN_MS
    for (;;) {
      const map = maps.current ?? (await maps.newer(undefined))
      this.#map = map
      const open = [...ownedBuckets(map)].filter(
        ([shard]) => !this.#hasAnswered(shard, map) && !this.#failures.has(shard),
      )
      await Promise.all(open.map(([shard, buckets]) => this.#ask(shard, buckets, map)))
      const elsewhere = open.find(([shard]) => !this.#hasAnswered(shard, map) && !this.#failures.has(shard))
      if (elsewhere === undefined) {
        // Others may have brought a newer map meanwhile; the answers are right under this one all the same.
        return this.#gathered(map)
      }
      if (this.isOver) throw new Error('nobody waits any more')
      const newer = await maps.newer({ than: map, from: elsewhere[0] })
      if (newer.epoch > map.epoch) continue
      // Between two shards: there is no newer map yet.
      await sleep(clock, pauseMs)
      pauseMs = Math.min(2 * pauseMs, PAUSE_MAX_MS)
    }
  }

  /** What there is when the deadline has come. */
  giveUp(): Gathered {
    const { deadlineMs } = this.#request
    const map = this.#map
    const late = tooLate(deadlineMs)
    if (map === undefined) throw unanswered([], late)
    for (const shard of ownedBuckets(map).keys()) {
      if (!this.#hasAnswered(shard, map) && !this.#failures.has(shard)) this.#fail(shard, late)
    }
    return this.#gathered(map)
  }

  #gathered(map: ShardMap): Gathered {
    const shards = [...ownedBuckets(map).keys()]
    return {
      answers: shards.flatMap((shard) => (this.#failures.has(shard) ? [] : [this.#answers.get(shard)?.rows ?? []])),
      missing: shards.flatMap((shard) => {
        const error = this.#failures.get(shard)
        return error === undefined ? [] : [{ shard, error }]
      }),
    }
  }

  #hasAnswered(shard: number, map: ShardMap): boolean {
    const answer = this.#answers.get(shard)
    return answer !== undefined && answer.epoch === map.shardEpochs[shard]
  }

  async #ask(shard: number, buckets: string, map: ShardMap): Promise<void> {
    const statement = this.#request.statement(map, buckets)
    try {
      const answer = await this.#answerOf(shard, statement)
      if (answer !== undefined && answer.epoch === map.shardEpochs[shard]) this.#answers.set(shard, answer)
    } catch (error) {
      // What is wrong with the statement is wrong on every shard.
      if (isServerError(error) && !/^(?:57|53|58|XX)/.test(error.code)) throw error
      this.#fail(shard, error instanceof Error ? error : new Error(messageOf(error)))
    }
  }

  /** Undefined when its turn came too late. */
  #answerOf(shard: number, statement: Statement): Promise<Answer | undefined> {
    const { at, turns, clock } = this.#shards
    return turns(shard).take(async () => {
      const restMs = Math.ceil(this.#endMs - clock.nowMs())
      if (this.isOver || restMs <= 0) return undefined
      const [answer, state] = await at(shard).readTogether([statement, EPOCH], { statementTimeout: `${restMs}ms` })
      const [row] = (state as SqlResult<{ epoch: number }>).rows
      return { rows: (answer as SqlResult<Row>).rows, epoch: row?.epoch }
    })
  }

  #fail(shard: number, error: Error): void {
    if (!this.#request.isPartial) throw unanswered([shard], error)
    this.#failures.set(shard, error)
  }
}

/** The error about shards that are missing; none: nobody knows them yet. */
export function unanswered(shards: readonly number[], cause: Error): TenfoldError {
  const who = shards.length === 0 ? 'no shard did' : `shard ${shards.join(', ')} did not`
  return new TenfoldError('TF_SHARD_UNANSWERED', `expected all shards to answer, but ${who}: ${cause.message}`, {
    hint: 'see what it does with tenfold status, or take what the others have: all({ partial: true })',
    details: { shards },
    cause,
  })
}

export function tooLate(deadlineMs: number): TenfoldError {
  return new TenfoldError('TF_TIMEOUT', `expected an answer within ${Math.round(deadlineMs)} ms`, {
    hint: 'ask for less, or give it more time: all({ deadline })',
    details: { deadlineMs },
  })
}
