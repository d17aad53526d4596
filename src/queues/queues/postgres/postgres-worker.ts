import type { Cancel, Clock } from '../../../core/clock.ts'
import { TenfoldError } from '../../../core/errors.ts'
import { uniqueId } from '../../../core/random.ts'
import type { TopicDatabase, TopicTransaction } from '../../../topics/topic-database.ts'
import { reportTrouble } from '../../../topics/trouble.ts'
import type { ClaimedItem, Failure, QueueWorker } from '../../queue-engine.ts'
import type { Floor } from './claim-items.ts'
import { claimItems } from './claim-items.ts'
import {
  buryClaim,
  deleteClaims,
  noteProgress,
  postponeClaim,
  returnClaims,
  returnUnknown,
  unpark,
} from './finishing.ts'
import { SCHEMA } from './schema.ts'

/** @see createPostgresWorker */
export interface PostgresWorkerOptions {
  readonly database: TopicDatabase
  readonly clock: Clock
  readonly queue: number
  /** How long a worker that is not heard of keeps its items. */
  readonly leaseMs: number
  /** Items may begin: now, or so long from now. */
  onReady(delayMs: number): void
}

/** Is heard of so often in the time of a lease. */
const BEATS = 5
const PROGRESS_MS = 1_000
/** A floor is forgotten after this time, and after so many times what finding it anew has taken: nothing rests on it for ever. */
const FLOOR_MS = 5_000
const FLOOR_SHARE = 50

interface Held {
  readonly item: ClaimedItem
  readonly controller: AbortController
  progressMs: number
}

/** A worker on one queue. It has its lease when it resolves. */
export async function createPostgresWorker(options: PostgresWorkerOptions): Promise<QueueWorker> {
  const worker = new Worker(options)
  await worker.enlist()
  worker.beatLater()
  return worker
}

class Worker implements QueueWorker {
  readonly #options: PostgresWorkerOptions
  /** By item. */
  readonly #held = new Map<string, Held>()
  #id = uniqueId()
  /** What it had is lost: it goes on as somebody else, and what the database knows of it runs out. */
  #isLost = false
  /** A claim may have brought something that nobody here knows of. */
  #isInDoubt = false
  #finished = 0
  #floor: Floor | undefined
  #floorUntilMs = 0
  #cancelBeat: Cancel = () => {}
  #cancelExpiry: Cancel = () => {}
  #beating: Promise<void> | undefined
  #claiming: Promise<unknown> | undefined
  #leaving: Promise<void> | undefined

  constructor(options: PostgresWorkerOptions) {
    this.#options = options
  }

  async claim(max: number): Promise<readonly ClaimedItem[]> {
    if (this.#leaving !== undefined) return []
    const claiming = this.#claim(max)
    this.#claiming = claiming.catch(() => undefined)
    return claiming
  }

  async complete(
    items: readonly ClaimedItem[],
    { transaction }: { readonly transaction?: TopicTransaction | undefined } = {},
  ): Promise<readonly ClaimedItem[]> {
    if (items.length === 0) return []
    const { database, queue } = this.#options
    const runner = transaction ?? database
    const mine = await deleteClaims(runner, items)
    const lost = items.filter(({ itemId }) => !mine.has(itemId))
    if (transaction !== undefined) {
      if (lost[0] !== undefined) throw claimLost(lost[0])
      await unpark(transaction, queue, items)
      transaction.afterCommit(() => this.#forget(items, { isFinished: true }))
      return []
    }
    this.#forget(items, { isFinished: true })
    await unpark(database, queue, items)
    return lost
  }

  async retry(item: ClaimedItem, failure: Failure & { readonly afterMs: number }): Promise<void> {
    const isMine = await postponeClaim(this.#options.database, item, failure)
    this.#forget([item])
    if (!isMine) throw claimLost(item)
    this.#options.onReady(failure.afterMs)
    await unpark(this.#options.database, this.#options.queue, [item])
  }

  async bury(item: ClaimedItem, failure: Failure): Promise<void> {
    const isMine = await buryClaim(this.#options.database, item, failure)
    this.#forget([item])
    if (!isMine) throw claimLost(item)
    await unpark(this.#options.database, this.#options.queue, [item])
  }

  async giveBack(items: readonly ClaimedItem[]): Promise<void> {
    if (items.length === 0) return
    await returnClaims(this.#options.database, items)
    this.#forget(items)
    await unpark(this.#options.database, this.#options.queue, items)
  }

  reportProgress(item: ClaimedItem, progress: string): void {
    const { clock, database } = this.#options
    const held = this.#held.get(item.itemId)
    if (held?.item.claim !== item.claim || clock.nowMs() < held.progressMs) return
    held.progressMs = clock.nowMs() + PROGRESS_MS
    noteProgress(database, item, progress).catch((error: unknown) => reportTrouble('noting progress', error))
  }

  leave(): Promise<void> {
    this.#leaving ??= this.#leave()
    return this.#leaving
  }

  async #leave(): Promise<void> {
    const { database } = this.#options
    await this.#claiming
    this.#cancelBeat()
    await this.#beating
    this.#cancelBeat()
    this.#cancelExpiry()
    const left = [...this.#held.values()].map(({ item }) => item)
    try {
      await this.giveBack(left)
      await database.query(
        `with gone as (delete from ${SCHEMA}.worker where id = $1 returning queue)
         update ${SCHEMA}.queue set finished = finished + $2 where id = (select queue from gone)`,
        [this.#id, this.#finished],
      )
    } catch (error) {
      reportTrouble('leaving a queue', error)
    }
    this.#lose()
  }

  /** Takes a lease, as somebody whom nobody knows. */
  async enlist(): Promise<void> {
    const { database, queue, leaseMs, clock } = this.#options
    const startMs = clock.nowMs()
    const id = uniqueId()
    await database.query(
      `insert into ${SCHEMA}.worker (id, queue, lease_until) values
       ($1, $2, clock_timestamp() + make_interval(secs => $3::float8 / 1000))`,
      [id, queue, leaseMs],
    )
    this.#id = id
    this.#isLost = false
    this.#isInDoubt = false
    this.#finished = 0
    this.#expireAt(startMs + leaseMs)
  }

  beatLater(): void {
    const { clock, leaseMs } = this.#options
    this.#cancelBeat = clock.schedule(leaseMs / BEATS, () => {
      this.#beating = this.#beat()
        .catch((error: unknown) => reportTrouble('keeping the lease of a worker', error))
        .finally(() => {
          if (this.#leaving === undefined) this.beatLater()
        })
    })
  }

  async #beat(): Promise<void> {
    const { database, queue, leaseMs, clock, onReady } = this.#options
    const startMs = clock.nowMs()
    if (this.#isLost) {
      await this.enlist()
      return
    }
    if (this.#isInDoubt) await this.#clearDoubt()
    const { rowCount } = await database.query(KEEP_LEASE, [this.#id, leaseMs, this.#finished, this.#held.size])
    if (rowCount === 0) {
      this.#lose()
      await this.enlist()
      return
    }
    this.#expireAt(startMs + leaseMs)
    const { rows } = await database.query<{ cancelled: string[]; unparked: number; freed: number }>(LOOK_AROUND, [
      this.#id,
      queue,
    ])
    for (const itemId of rows[0]?.cancelled ?? []) this.#held.get(itemId)?.controller.abort(cancelled(itemId))
    if (rows[0] !== undefined && rows[0].unparked + rows[0].freed > 0) onReady(0)
  }

  async #claim(max: number): Promise<readonly ClaimedItem[]> {
    const { database, clock, queue, onReady } = this.#options
    if (this.#isLost) await this.enlist()
    if (this.#isInDoubt) await this.#clearDoubt()
    const startMs = clock.nowMs()
    if (startMs >= this.#floorUntilMs) this.#floor = undefined
    const isAnew = this.#floor === undefined
    const worker = this.#id
    let outcome
    try {
      outcome = await claimItems(database, { queue, worker, max, floor: this.#floor })
    } catch (error) {
      // Nobody knows what was taken.
      this.#floor = undefined
      this.#isInDoubt = true
      throw error
    }
    this.#floor = outcome.floor
    const nowMs = clock.nowMs()
    if (isAnew) this.#floorUntilMs = nowMs + Math.max(FLOOR_MS, FLOOR_SHARE * (nowMs - startMs))
    if (outcome.isLost) {
      this.#lose()
      await this.enlist()
      return []
    }
    if (outcome.isMore) onReady(0)
    else if (outcome.nextMs !== undefined) onReady(outcome.nextMs)
    const isGone = worker !== this.#id
    return outcome.items.map((item) => {
      const controller = new AbortController()
      const claimed = { ...item, signal: controller.signal }
      if (isGone) controller.abort(claimLost(claimed))
      else this.#held.set(item.itemId, { item: claimed, controller, progressMs: 0 })
      return claimed
    })
  }

  async #clearDoubt(): Promise<void> {
    await returnUnknown(this.#options.database, this.#id, [...this.#held.keys()])
    this.#isInDoubt = false
  }

  #forget(items: readonly ClaimedItem[], { isFinished = false } = {}): void {
    for (const { itemId, claim } of items) {
      if (this.#held.get(itemId)?.item.claim !== claim) continue
      this.#held.delete(itemId)
      if (isFinished) this.#finished++
    }
  }

  /** By this process's clock the lease ends before it does by that of the database, which counts from later. */
  #expireAt(atMs: number): void {
    const { clock } = this.#options
    this.#cancelExpiry()
    this.#cancelExpiry = clock.schedule(Math.max(0, atMs - clock.nowMs()), () => this.#lose(), { unref: true })
  }

  /** Others may have the items. */
  #lose(): void {
    this.#cancelExpiry()
    this.#isLost = true
    for (const { item, controller } of this.#held.values()) controller.abort(claimLost(item))
    this.#held.clear()
  }
}

const KEEP_LEASE = `
  update ${SCHEMA}.worker
  set lease_until = clock_timestamp() + make_interval(secs => $2::float8 / 1000), finished = $3, claimed = $4
  where id = $1 and lease_until > clock_timestamp()`

/** What was cancelled, what was parked for nothing, and what others have left behind. */
const LOOK_AROUND = `
  select array(select item_id from ${SCHEMA}.running where worker = $1 and is_cancelled) as cancelled,
    ${SCHEMA}.unpark($2, null) as unparked,
    (select coalesce(sum(reaped), 0)::int from ${SCHEMA}.reap() where reaped_queue = $2) as freed /* update */`

function claimLost({ itemId }: { readonly itemId: string }): TenfoldError {
  return new TenfoldError('TF_CLAIM_LOST', `expected to have item ${itemId}, but another worker may have it`, {
    hint: 'do nothing more for it; the other begins anew',
    details: { itemId },
  })
}

function cancelled(itemId: string): TenfoldError {
  return new TenfoldError('TF_ITEM_CANCELLED', `expected to finish item ${itemId}, but it was cancelled`, {
    hint: 'end the work on it',
    details: { itemId },
  })
}
