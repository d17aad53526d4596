import assert from 'node:assert/strict'
import type { Cancel, Clock } from '../../../core/clock.ts'
import { TenfoldError } from '../../../core/errors.ts'
import type { StatementRunner, TopicDatabase, TopicTransaction } from '../../topic-database.ts'
import type { ClaimedEvent, PartitionClaim } from '../../topic-log.ts'
import type { LogPosition } from './position.ts'
import { isAtEdge } from './position.ts'
import type { ProgressPlace, ProgressRow, TakenRow } from './progress.ts'
import { writeProgress } from './progress.ts'
import type { ReadBatch } from './read-log.ts'
import { readLog } from './read-log.ts'

/** A claim as its member holds it. */
export interface HeldClaim extends PartitionClaim {
  /** Keeps the lease, if that is due, and records what was found to be empty. */
  renew(): Promise<void>
  /** Asks the work to end. */
  end(): void
  /** Gives the partition back, or nothing if it is lost. */
  giveBack(): Promise<void>
  /** Leaves it as it is: it is free for others when its lease is over. */
  abandon(): void
  /** Resolves when `abandon` was called. */
  readonly abandoned: Promise<void>
}

/** @see createPartitionClaim */
export interface PartitionClaimOptions {
  readonly database: TopicDatabase
  readonly clock: Clock
  readonly topic: number
  readonly place: ProgressPlace
  readonly owner: string
  readonly leaseMs: number
  /** By `clock`, from before the partition was asked for. */
  readonly takenMs: number
  readonly row: TakenRow
}

/** Makes the claim of a partition that `takePartition` has given. */
export function createPartitionClaim(options: PartitionClaimOptions): HeldClaim {
  return new Claim(options)
}

/** Events that were handed out, and may not all be done. */
interface Outstanding {
  readonly first: number
  readonly count: number
  readonly positionAfter: ReadBatch['positionAfter']
}

/** A lease is kept when this share of it has passed. */
const RENEW_AFTER = 1 / 3

class Claim implements HeldClaim {
  readonly partition: number
  readonly epoch: number
  readonly #options: PartitionClaimOptions
  readonly #ending = new AbortController()
  readonly #lost = new AbortController()
  readonly #abandoned = Promise.withResolvers<void>()
  readonly #outstanding: Outstanding[] = []
  #row: ProgressRow
  #readTo: LogPosition
  /** Of the last event that was handed out, and the last that is done. */
  #sequence = 0
  #doneSequence = 0
  #renewedMs: number
  #cancelExpiry: Cancel
  #turn: Promise<unknown> = Promise.resolve()
  /** A transaction has written the next row, and may not have ended. */
  #isInTransaction = false

  constructor(options: PartitionClaimOptions) {
    this.#options = options
    this.partition = options.place.partition
    this.epoch = options.row.epoch
    this.#row = options.row
    this.#readTo = options.row.position
    this.#renewedMs = options.takenMs
    this.#cancelExpiry = this.#scheduleExpiry()
  }

  get mayRepeat(): boolean {
    return this.#options.row.mayRepeat
  }

  get ending(): AbortSignal {
    return this.#ending.signal
  }

  get lost(): AbortSignal {
    return this.#lost.signal
  }

  read(max: number): Promise<readonly ClaimedEvent[]> {
    return this.#inTurn(async () => {
      const claimed: ClaimedEvent[] = []
      for (let isMore = true; isMore && claimed.length < max;) {
        try {
          this.#requireHeld()
          isMore = await this.#readInto(claimed, max - claimed.length)
        } catch (error) {
          // What has been handed out is not read again; the next reading will complain.
          if (claimed.length === 0) throw error
          break
        }
      }
      return claimed
    })
  }

  commit(sequence: number, { transaction }: { transaction?: TopicTransaction } = {}): Promise<void> {
    return this.#inTurn(async () => {
      this.#requireHeld()
      const position = this.#positionAfter(sequence)
      if (transaction === undefined) {
        await this.#write(this.#options.database, position, sequence)
      } else {
        const committed = await this.#write(transaction, position, sequence, { isTentative: true })
        this.#isInTransaction = true
        transaction.afterCommit(committed)
      }
    })
  }

  rolledBack(): void {
    this.#isInTransaction = false
  }

  renew(): Promise<void> {
    return this.#inTurn(async () => {
      const { clock, leaseMs, database } = this.#options
      const isDue = clock.nowMs() - this.#renewedMs >= leaseMs * RENEW_AFTER
      // Its end renews the lease; until then nobody else can write the next row either.
      if (!isDue || this.#isInTransaction || this.#lost.signal.aborted) return
      await this.#write(database, this.#donePosition(), this.#doneSequence)
    })
  }

  end(): void {
    this.#ending.abort()
  }

  get abandoned(): Promise<void> {
    return this.#abandoned.promise
  }

  abandon(): void {
    this.#lose()
    this.#abandoned.resolve()
  }

  giveBack(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#lost.signal.aborted) return
      await this.#write(this.#options.database, this.#donePosition(), this.#doneSequence, { isLast: true })
      this.#lose()
    })
  }

  /** Reads on in one window. @returns whether there may be more */
  async #readInto(claimed: ClaimedEvent[], max: number): Promise<boolean> {
    const { database, topic } = this.#options
    const { incarnation } = this.#row
    const batch = await readLog(database, {
      topic,
      partition: this.partition,
      position: this.#readTo,
      max,
      incarnation,
      end: this.#options.row.end,
    })
    if (batch === undefined) {
      this.#lose()
      throw claimLost(this.partition)
    }
    const { events, positionAfter, isMore } = batch
    this.#readTo = positionAfter(events.length)
    if (events.length > 0) this.#outstanding.push({ first: this.#sequence + 1, count: events.length, positionAfter })
    for (const event of events) claimed.push({ ...event, sequence: ++this.#sequence })
    this.#endIfDone()
    return isMore
  }

  /** Where the topic goes on in another log, nobody keeps a partition that is read to its end. */
  #endIfDone(): void {
    const { end } = this.#options.row
    if (end !== undefined && this.#outstanding.length === 0 && isAtEdge(this.#readTo, end)) this.#ending.abort()
  }

  /** All that was handed out is done: what was read and found empty behind it is so, too. */
  #donePosition(): LogPosition {
    return this.#outstanding.length === 0 ? this.#readTo : this.#row.position
  }

  #positionAfter(sequence: number): LogPosition {
    assert(sequence > this.#doneSequence && sequence <= this.#sequence, `expected an event that is not done yet`)
    if (sequence === this.#sequence) return this.#readTo
    const { first, positionAfter } = this.#outstanding.findLast((entry) => entry.first <= sequence) as Outstanding
    return positionAfter(sequence - first + 1)
  }

  /** @returns what has to be done when the row is committed, which is now unless it is tentative */
  async #write(
    runner: StatementRunner,
    position: LogPosition,
    sequence: number,
    { isTentative = false, isLast = false } = {},
  ): Promise<() => void> {
    const { clock, place, leaseMs, owner } = this.#options
    const startMs = clock.nowMs()
    const done = this.#row.done + BigInt(sequence - this.#doneSequence)
    const row = { ...this.#row, seq: this.#row.seq + 1n, position, done }
    if (!(await writeProgress(runner, place, { ...row, owner: isLast ? undefined : owner, leaseMs }))) {
      this.#lose()
      throw claimLost(this.partition)
    }
    const apply = (): void => {
      this.#isInTransaction = false
      this.#row = row
      this.#doneSequence = sequence
      while (this.#outstanding[0] !== undefined && endOf(this.#outstanding[0]) <= sequence) this.#outstanding.shift()
      this.#renewedMs = startMs
      this.#endIfDone()
      this.#cancelExpiry()
      this.#cancelExpiry = this.#scheduleExpiry()
    }
    if (!isTentative) apply()
    return apply
  }

  /** By this process's clock the lease ends before it does by that of the database, which counts from later. */
  #scheduleExpiry(): Cancel {
    const { clock, leaseMs } = this.#options
    const leftMs = this.#renewedMs + leaseMs - clock.nowMs()
    return clock.schedule(Math.max(0, leftMs), () => this.#lose(), { unref: true })
  }

  #lose(): void {
    this.#cancelExpiry()
    this.#lost.abort()
  }

  #requireHeld(): void {
    if (this.#lost.signal.aborted) throw claimLost(this.partition)
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const turn = this.#turn.then(work)
    this.#turn = turn.catch(() => undefined)
    return turn
  }
}

function endOf({ first, count }: Outstanding): number {
  return first + count - 1
}

function claimLost(partition: number): TenfoldError {
  return new TenfoldError(
    'TF_CLAIM_LOST',
    `expected to have partition ${partition}, but another member may have it, or the server crashed`,
    {
      hint: 'begin nothing more on it; the other goes on behind the last commit',
      details: { partition },
    },
  )
}
