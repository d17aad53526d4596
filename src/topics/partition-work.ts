import type { Clock } from '../core/clock.ts'
import { hasCode } from '../core/errors.ts'
import type { AttemptOptions } from './attempts.ts'
import { tryRepeatedly } from './attempts.ts'
import type { DeadLetter } from './dead-letters.ts'
import type { FinishedPrefix } from './finished-prefix.ts'
import { AHEAD_MAX, createFinishedPrefix } from './finished-prefix.ts'
import type { KeyLanes } from './key-lanes.ts'
import { createKeyLanes } from './key-lanes.ts'
import type { PartitionWait } from './partition-wait.ts'
import type { Performer } from './perform.ts'
import type { PutAside } from './put-aside.ts'
import type { ClaimedEvent, PartitionClaim } from './topic-log.ts'
import { reportTrouble } from './trouble.ts'
import type { WorkPlaces } from './work-places.ts'

/** @see workOnPartition */
export interface PartitionWorkOptions {
  readonly claim: PartitionClaim
  readonly performer: Performer
  readonly aside: PutAside
  readonly wait: PartitionWait
  /** Told whether there was more to read than could be taken. */
  readonly isBehind: { set(isThere: boolean): void }
  readonly places: WorkPlaces
  readonly attempts: AttemptOptions
  readonly clock: Clock
  /** Events in one call of the handler; 1: the keys go side by side. */
  readonly batchMax: number
  /** Events that are read and not finished, at most. */
  readonly inFlightMax: number
}

/** Progress is committed so long after something was finished. */
const COMMIT_MS = 100
/** A reading that may give little comes so long after the last one: behind the end of the log, or with little room. */
const SMALL_READ_MS = 10
/** Looks for letters that are due. */
const LETTERS_MS = 1_000
/** After an error of the log. */
const TROUBLE_MS = 500

/**
 * Works on one partition until its claim is ending or lost. Never rejects. What is under way when it has to end is
 * finished; what has not begun, or waits for its next try, is left to the next member.
 */
export async function workOnPartition(options: PartitionWorkOptions): Promise<void> {
  await new PartitionWork(options).run()
}

class PartitionWork {
  readonly #options: PartitionWorkOptions
  readonly #ended: AbortSignal
  readonly #lanes: KeyLanes = createKeyLanes()
  readonly #finished: FinishedPrefix = createFinishedPrefix()
  #readTo = 0
  #committed = 0
  #committing: Promise<void> | undefined
  #lettersMs = 0
  #readMs = 0
  /** The last reading has come to the end of the log. */
  #isAtEnd = false
  #lettersUnderWay = 0

  constructor(options: PartitionWorkOptions) {
    this.#options = options
    this.#ended = AbortSignal.any([options.claim.ending, options.claim.lost])
  }

  async run(): Promise<void> {
    const { wait, claim } = this.#options
    while (!this.#ended.aborted) {
      try {
        await this.#readOn()
      } catch (error) {
        if (!hasCode(error, 'TF_CLAIM_LOST')) reportTrouble(`reading partition ${claim.partition}`, error)
        await this.#pause(TROUBLE_MS)
      }
    }
    wait.end()
    while (this.#lanes.size > 0) await this.#lanes.change()
    await this.#committing
    await this.#commit()
  }

  async #readOn(): Promise<void> {
    const { claim, clock, wait, batchMax, inFlightMax } = this.#options
    if (clock.nowMs() >= this.#lettersMs) {
      await this.#tryLetters()
      this.#lettersMs = clock.nowMs() + LETTERS_MS
    }
    const room = Math.min(inFlightMax - this.#lanes.size, AHEAD_MAX - (this.#readTo - this.#finished.upTo))
    if (room <= 0) {
      await Promise.race([this.#lanes.change(), this.#pause(LETTERS_MS)])
      return
    }
    const earlyMs = this.#readMs + SMALL_READ_MS - clock.nowMs()
    if (earlyMs > 0 && (this.#isAtEnd || room < inFlightMax / 2)) {
      await this.#pause(earlyMs)
      return
    }
    this.#readMs = clock.nowMs()
    const max = batchMax === 1 ? room : Math.min(room, batchMax)
    const events = await claim.read(max)
    this.#isAtEnd = events.length < max
    this.#options.isBehind.set(!this.#isAtEnd)
    if (events.length > 0) {
      wait.reset()
      this.#readTo += events.length
      await this.#begin(events)
    }
    if (this.#isAtEnd) await wait.wait()
  }

  /** Resolves when more may be read. */
  async #begin(events: readonly ClaimedEvent[]): Promise<void> {
    if (this.#options.batchMax === 1) {
      for (const event of events) this.#lanes.add(event.key, () => this.#handle(event))
      return
    }
    await this.#handleBatch(events)
    // At once, and not beside the transaction of the next batch, which may commit progress itself.
    await this.#commit()
  }

  /** Fast for all of them together, also after an outage; if that fails for them, event by event. */
  async #handleBatch(events: readonly ClaimedEvent[]): Promise<void> {
    const { performer, claim, places, aside, attempts } = this.#options
    if (!events.some(({ key }) => aside.isBlocked(key))) {
      const once = { ...attempts, policy: { ...attempts.policy, attempts: 1 }, signal: this.#ended }
      const sequence = events.at(-1)?.sequence
      const outcome = await tryRepeatedly(once, () =>
        places.run(() => performer.perform(events, { attempt: 1, claim, sequence })),
      )
      if (outcome.kind === 'abandoned') return
      if (outcome.kind === 'done') {
        for (const event of events) this.#finish(event.sequence, outcome.result.isCommitted)
        return
      }
      reportTrouble(`a batch of ${events.length} events, which are tried one by one now`, outcome.cause)
    }
    for (const event of events) await this.#handle(event)
  }

  async #handle(event: ClaimedEvent): Promise<void> {
    const { performer, claim, places, aside, attempts } = this.#options
    if (this.#ended.aborted) return
    const { sequence } = event
    // In a batch it always is. Then progress can be committed with what becomes of the event.
    const isNext = this.#finished.upTo === sequence - 1
    const progress = isNext && this.#options.batchMax > 1 ? { claim, sequence } : undefined
    if (aside.isBlocked(event.key)) {
      if (await aside.keepWaiting(event, progress)) this.#finish(sequence, progress !== undefined)
      return
    }
    // A further try goes before what has not begun: progress can't pass what is not finished.
    const outcome = await tryRepeatedly({ ...attempts, signal: this.#ended }, (attempt) =>
      places.run(() => performer.perform([event], { attempt, claim, sequence: progress?.sequence }), attempt > 1),
    )
    if (outcome.kind === 'abandoned') return
    if (outcome.kind === 'done') this.#finish(sequence, outcome.result.isCommitted)
    else if (await aside.giveUp(event, outcome, progress)) {
      this.#finish(sequence, progress !== undefined && outcome.policy !== 'skip')
    }
  }

  async #tryLetters(): Promise<void> {
    // So that none is tried twice at once.
    if (this.#lettersUnderWay > 0) return
    const letters = await this.#options.aside.due()
    this.#lettersUnderWay = letters.length
    const stopped = new Set<string>()
    for (const letter of letters) {
      this.#lanes.add(letter.key, async () => {
        const isStopped = letter.isBlocking && letter.key !== undefined && stopped.has(letter.key)
        const isDone = !this.#ended.aborted && !isStopped && (await this.#tryLetter(letter))
        if (!isDone && letter.key !== undefined) stopped.add(letter.key)
        this.#lettersUnderWay--
      })
    }
    // Batches are not in the lanes, so that they would overtake the letters.
    while (this.#options.batchMax > 1 && this.#lanes.size > 0) await this.#lanes.change()
  }

  #tryLetter(letter: DeadLetter): Promise<boolean> {
    const { performer, claim, places, aside } = this.#options
    return aside.tryAgain(letter, (attempt) =>
      places.run(() => performer.perform([letter], { attempt, claim, sequence: undefined })),
    )
  }

  #finish(sequence: number, isCommitted: boolean): void {
    this.#finished.finish(sequence)
    if (isCommitted) this.#committed = sequence
    if (this.#options.batchMax === 1 && this.#finished.upTo > this.#committed) this.#committing ??= this.#commitSoon()
  }

  /** As long as there is something to commit. */
  async #commitSoon(): Promise<void> {
    do {
      await this.#pause(COMMIT_MS)
      await this.#commit()
    } while (!this.#ended.aborted && this.#finished.upTo > this.#committed)
    this.#committing = undefined
  }

  /** What is not committed will be with the next; at the end it is delivered again. Never rejects. */
  async #commit(): Promise<void> {
    const { claim } = this.#options
    const upTo = this.#finished.upTo
    if (upTo <= this.#committed || claim.lost.aborted) return
    try {
      await claim.commit(upTo)
      this.#committed = upTo
    } catch (error) {
      if (!hasCode(error, 'TF_CLAIM_LOST')) {
        reportTrouble(`committing progress on partition ${claim.partition}`, error)
      }
    }
  }

  /** Or until it has to end. */
  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      if (this.#ended.aborted) {
        resolve()
        return
      }
      const done = (): void => {
        cancel()
        this.#ended.removeEventListener('abort', done)
        resolve()
      }
      const cancel = this.#options.clock.schedule(ms, done)
      this.#ended.addEventListener('abort', done)
    })
  }
}
