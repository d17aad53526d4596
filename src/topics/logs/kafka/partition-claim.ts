import assert from 'node:assert/strict'
import { TenfoldError } from '../../../core/errors.ts'
import type { ClaimedEvent, PartitionClaim } from '../../topic-log.ts'
import type { OpenPartition } from './partition-feed.ts'

/** A claim as its member holds it. */
export interface HeldClaim extends PartitionClaim {
  /** Asks the work to end. */
  end(): void
  /** Another member may have the partition, or its work has ended. */
  lose(): void
}

/** @see createPartitionClaim */
export interface PartitionClaimOptions {
  readonly partition: number
  readonly epoch: number
  readonly events: OpenPartition
  /** Records the offset of the first event that is not done. @throws TF_CLAIM_LOST */
  commit(offset: bigint): Promise<void>
}

/** Makes the claim of a partition that the group has given. */
export function createPartitionClaim(options: PartitionClaimOptions): HeldClaim {
  return new Claim(options)
}

class Claim implements HeldClaim {
  readonly commitsInTransaction = false
  readonly partition: number
  readonly epoch: number
  readonly #options: PartitionClaimOptions
  readonly #ending = new AbortController()
  readonly #lost = new AbortController()
  /** Offsets of what was handed out and is not committed, from `#done + 1` on. */
  readonly #offsets: string[] = []
  #done = 0
  #turn: Promise<unknown> = Promise.resolve()

  constructor(options: PartitionClaimOptions) {
    this.#options = options
    this.partition = options.partition
    this.epoch = options.epoch
  }

  get ending(): AbortSignal {
    return this.#ending.signal
  }

  get lost(): AbortSignal {
    return this.#lost.signal
  }

  read(max: number): Promise<readonly ClaimedEvent[]> {
    return this.#inTurn(async () => {
      this.#requireHeld()
      const events = await this.#options.events.take(max)
      this.#requireHeld()
      const first = this.#done + this.#offsets.length + 1
      for (const { id } of events) this.#offsets.push(id)
      return events.map((event, index) => ({ ...event, sequence: first + index }))
    })
  }

  commit(sequence: number, { transaction }: { transaction?: unknown } = {}): Promise<void> {
    assert(transaction === undefined, 'expected no transaction: Kafka takes no part in one')
    return this.#inTurn(async () => {
      this.#requireHeld()
      const count = sequence - this.#done
      assert(count <= this.#offsets.length, 'expected an event that was handed out')
      if (count <= 0) return
      await this.#options.commit(BigInt(this.#offsets[count - 1] as string) + 1n)
      this.#offsets.splice(0, count)
      this.#done = sequence
    })
  }

  rolledBack(): void {}

  end(): void {
    this.#ending.abort()
  }

  lose(): void {
    this.#options.events.close()
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

export function claimLost(partition: number, cause?: unknown): TenfoldError {
  return new TenfoldError('TF_CLAIM_LOST', `expected to have partition ${partition}, but another member may have it`, {
    hint: 'begin nothing more on it; the other goes on behind the last commit',
    details: { partition },
    cause,
  })
}
