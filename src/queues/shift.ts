import diagnostics from 'node:diagnostics_channel'
import type { Clock } from '../core/clock.ts'
import { sleep } from '../core/clock.ts'
import { TenfoldError } from '../core/errors.ts'
import type { Random } from '../core/random.ts'
import { orAbortReason } from '../core/unless-aborted.ts'
import type { PartitionWait } from '../topics/partition-wait.ts'
import { createPartitionWait } from '../topics/partition-wait.ts'
import type { RetryPolicy } from '../topics/retry-policy.ts'
import { reportTrouble } from '../topics/trouble.ts'
import type { WorkMeter } from '../topics/work-meter.ts'
import { createWorkMeter } from '../topics/work-meter.ts'
import { createClaimAhead } from './claim-ahead.ts'
import type { ItemPerformer } from './perform-items.ts'
import type { ClaimedItem, QueueEngine, QueueWorker } from './queue-engine.ts'
import type { GivenUpItem, HandledItems } from './queue-report.ts'
import { HANDLED_CHANNEL, ITEM_GIVEN_UP_CHANNEL } from './queue-report.ts'
import type { Settling } from './settling.ts'
import { createSettling } from './settling.ts'

const givenUp = diagnostics.channel(ITEM_GIVEN_UP_CHANNEL)
const handled = diagnostics.channel(HANDLED_CHANNEL)

/** A worker at its work. */
export interface Shift {
  /** Takes no more, finishes what is under way until the deadline, and gives the rest back. Safe to call twice. */
  end(deadlineMs: number): Promise<void>
}

/** @see createShift */
export interface ShiftOptions {
  readonly engine: QueueEngine
  readonly queue: string
  readonly performer: ItemPerformer
  readonly policy: RetryPolicy
  /** Calls of the handler at once. */
  readonly concurrency: number
  /** Items in one call. */
  readonly batchMax: number
  readonly timeoutMs: number | undefined
  readonly clock: Clock
  readonly random: Random
}

/** Items of short work that one worker has and has not begun. */
const AHEAD_MAX = 200
/** After an error of the engine. */
const TROUBLE_MS = 500

/** Begins to work. Rejects if the engine does not let it join. */
export async function createShift(options: ShiftOptions): Promise<Shift> {
  const { engine, queue, concurrency, batchMax } = options
  const worker = await engine.join(queue, {
    claimedMax: batchMax === 1 ? concurrency + AHEAD_MAX : concurrency * batchMax,
  })
  return new WorkShift(options, worker)
}

class WorkShift implements Shift {
  readonly #options: ShiftOptions
  readonly #worker: QueueWorker
  readonly #settling: Settling
  readonly #wait: PartitionWait
  readonly #ahead = createClaimAhead()
  readonly #meter: WorkMeter
  readonly #isWaiting: ReturnType<WorkMeter['reason']>
  readonly #isBehind: ReturnType<WorkMeter['reason']>
  #toldBusyMs = 0
  /** Aborted when nothing more is to be begun. */
  readonly #ending = new AbortController()
  /** Aborted when what is under way can't be waited for any longer. */
  readonly #stopped = new AbortController()
  readonly #claiming: Promise<void>
  readonly #stopWaking: () => void
  /** Claimed and not begun. */
  #ready: ClaimedItem[] = []
  #calls = 0
  /** Begun and not settled. */
  #open = 0
  #changed = Promise.withResolvers<void>()
  #end: Promise<void> | undefined

  constructor(options: ShiftOptions, worker: QueueWorker) {
    const { engine, queue, policy, clock, random } = options
    this.#options = options
    this.#worker = worker
    this.#meter = createWorkMeter(clock)
    this.#isWaiting = this.#meter.reason()
    this.#isBehind = this.#meter.reason()
    this.#wait = createPartitionWait({ clock, signal: this.#ending.signal })
    this.#stopWaking = engine.onWake(queue, () => this.#wait.wake())
    this.#settling = createSettling({
      worker,
      policy,
      clock,
      random,
      stopped: this.#stopped.signal,
      onGivenUp: ({ itemId }, cause) => givenUp.publish({ queue, itemId, cause } satisfies GivenUpItem),
    })
    this.#claiming = this.#claim()
  }

  end(deadlineMs: number): Promise<void> {
    this.#end ??= this.#finish(deadlineMs)
    return this.#end
  }

  async #finish(deadlineMs: number): Promise<void> {
    const { clock } = this.#options
    this.#ending.abort()
    this.#change()
    const cancel = clock.schedule(deadlineMs, () => {
      this.#stopped.abort(new TenfoldError('TF_ABORTED', 'expected the work to end, but its worker has to stop now'))
      this.#change()
    })
    await this.#claiming
    const notBegun = this.#ready
    this.#ready = []
    await this.#settling.giveBack(notBegun)
    while (this.#open > 0 && !this.#stopped.signal.aborted) await this.#changed.promise
    cancel()
    await this.#worker.leave()
    this.#stopWaking()
    this.#wait.end()
  }

  /** Claims what there is room for, until nothing more is to be begun. Never rejects. */
  async #claim(): Promise<void> {
    const { clock, queue } = this.#options
    const ending = this.#ending.signal
    while (!ending.aborted) {
      const room = this.#room()
      if (room <= 0) {
        await this.#changed.promise
        continue
      }
      try {
        const items = await this.#worker.claim(room)
        this.#isBehind.set(items.length === room)
        if (items.length === 0) {
          await this.#wait.wait()
          continue
        }
        this.#wait.reset()
        this.#ready.push(...items)
        if (!ending.aborted) this.#begin()
      } catch (error) {
        reportTrouble(`claiming items of ${queue}`, error)
        await sleep(clock, TROUBLE_MS, ending).catch(() => undefined)
      }
    }
  }

  /** A claim is worth its way when half of what may be claimed is free. */
  #room(): number {
    const { concurrency, batchMax } = this.#options
    if (batchMax > 1) {
      const free = (concurrency - this.#calls) * batchMax - this.#ready.length
      return free >= batchMax ? free : 0
    }
    const most = concurrency + this.#ahead.count(concurrency, AHEAD_MAX)
    const claimed = this.#open + this.#ready.length
    return claimed <= most / 2 ? most - claimed : 0
  }

  #begin(): void {
    const { concurrency, batchMax } = this.#options
    while (this.#calls < concurrency && this.#ready.length > 0 && !this.#ending.signal.aborted) {
      void this.#work(this.#ready.splice(0, batchMax))
    }
    this.#isWaiting.set(this.#ready.length > 0)
  }

  /** Settling has no need of a place: the next items begin meanwhile. */
  async #work(items: readonly ClaimedItem[]): Promise<void> {
    const isSpent = ({ attempt }: ClaimedItem): boolean => attempt > this.#options.policy.attempts
    const [spent, fresh] = [items.filter(isSpent), items.filter((item) => !isSpent(item))]
    this.#calls++
    this.#open += items.length
    const settle = fresh.length === 0 ? undefined : await this.#handle(fresh)
    this.#calls--
    this.#begin()
    this.#change()
    await Promise.all([settle?.(), ...spent.map((item) => this.#settling.giveUpUntried(item))])
    this.#open -= items.length
    this.#change()
  }

  /** @returns what is to be done with the items now */
  async #handle(items: readonly ClaimedItem[]): Promise<() => Promise<void>> {
    try {
      const isCompleted = await this.#call(items)
      return isCompleted ? async () => {} : () => this.#settling.complete(items)
    } catch (error) {
      if (this.#stopped.signal.aborted) return () => this.#settling.giveBack(items)
      const [only] = items
      if (items.length === 1 && only !== undefined) return () => this.#settling.fail(only, error)
      reportTrouble(`a batch of ${items.length} items, which are tried one by one now`, error)
      const settle: (() => Promise<void>)[] = []
      for (const item of items) settle.push(await this.#handle([item]))
      return async () => void (await Promise.all(settle.map((each) => each())))
    }
  }

  async #call(items: readonly ClaimedItem[]): Promise<boolean> {
    const { performer, clock, queue, timeoutMs } = this.#options
    const late = new AbortController()
    const signal = AbortSignal.any([this.#stopped.signal, late.signal, ...items.map((item) => item.signal)])
    const [startMs, busyBeganMs] = [clock.nowMs(), this.#meter.busyMs()]
    const cancel =
      timeoutMs === undefined ? undefined : clock.schedule(timeoutMs, () => late.abort(tooLong(queue, timeoutMs)))
    let hasFailed = true
    try {
      signal.throwIfAborted()
      // Who does not listen to the signal is not waited for: somebody else may have the item by then.
      const work = performer.perform(items, { worker: this.#worker, signal })
      const { isCompleted } = await orAbortReason(work, signal)
      hasFailed = false
      return isCompleted
    } finally {
      cancel?.()
      const durationMs = clock.nowMs() - startMs
      this.#ahead.observe(durationMs / items.length)
      if (handled.hasSubscribers) this.#tell(items, { durationMs, hasFailed, busyBeganMs })
    }
  }

  #tell(
    items: readonly ClaimedItem[],
    { durationMs, hasFailed, busyBeganMs }: { durationMs: number; hasFailed: boolean; busyBeganMs: number },
  ): void {
    const busyMs = this.#meter.busyMs()
    // A call that began before the time of plenty did only a part of its work in it.
    const share = durationMs > 0 ? (busyMs - busyBeganMs) / durationMs : 0
    handled.publish({
      queue: this.#options.queue,
      count: items.length,
      durationMs,
      hasFailed,
      isRetry: items.some(({ attempt }) => attempt > 1),
      busyMs: busyMs - this.#toldBusyMs,
      busyCount: hasFailed ? 0 : items.length * share,
    } satisfies HandledItems)
    this.#toldBusyMs = busyMs
  }

  #change(): void {
    this.#changed.resolve()
    this.#changed = Promise.withResolvers()
  }
}

function tooLong(queue: string, timeoutMs: number): TenfoldError {
  return new TenfoldError('TF_TIMEOUT', `expected the handler of ${queue} to end within ${timeoutMs} ms`, {
    hint: 'make the work shorter, or the timeout of the worker longer',
  })
}
