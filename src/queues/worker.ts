import type { StandardSchema } from '../blueprint/standard-schema.ts'
import type { Clock } from '../core/clock.ts'
import { systemClock } from '../core/clock.ts'
import type { Component } from '../core/component.ts'
import { STOP_DEADLINE_MS_DEFAULT } from '../core/component.ts'
import type { Duration } from '../core/duration.ts'
import { parseDuration } from '../core/duration.ts'
import { TenfoldError } from '../core/errors.ts'
import type { Random } from '../core/random.ts'
import { freshSeed, seededRandom } from '../core/random.ts'
import type { EffectsDatabase } from '../topics/handler.ts'
import type { RetryPolicy } from '../topics/retry-policy.ts'
import { retryPolicy } from '../topics/retry-policy.ts'
import type { TopicDatabase, TopicTransaction } from '../topics/topic-database.ts'
import type { ItemHandler } from './item-handler.ts'
import type { ItemPerformer } from './perform-items.ts'
import { createItemPerformer } from './perform-items.ts'
import type { QueueEngine } from './queue-engine.ts'
import type { Shift } from './shift.ts'
import { createShift } from './shift.ts'

/** What a process does with the items of a queue, and how. */
export interface WorkerOptions<Item, Transaction> {
  readonly engine: QueueEngine
  readonly queue: string
  readonly handler: ItemHandler<Item, Transaction>
  /** What an item has to be; what is not is given up without another try. @default anything that is JSON */
  readonly schema?: StandardSchema<Item> | undefined
  /**
   * Where the handler's effects happen once. A transaction in which nothing happens for 30 seconds is rolled back.
   * @default nowhere: each item is done at least once
   */
  readonly effects?: EffectsDatabase<Transaction> | undefined
  /** Calls of the handler at once in this process. @default 8; of a batch handler 1 */
  readonly concurrency?: number
  /** Items in one call of a batch handler. At most 10000. @default 100 */
  readonly batchMax?: number
  /** A call that takes longer has failed: its signal is aborted, and its transaction rolled back. @default no limit */
  readonly timeout?: Duration
  readonly retry?: QueueRetryOptions
  readonly clock?: Clock
  readonly random?: Random
}

/** How often an item is tried, and what becomes of it when that has not helped. */
export interface QueueRetryOptions {
  /**
   * Tries, the first included: 1 to 100, or Infinity. A worker that dies has made one; one that can't reach a database
   * has not. @default 10
   */
  attempts?: number
  /** The longest pause before the second try; each later one may be twice as long. @default '1s' */
  pause?: Duration
  /** No pause is longer. @default '10m' */
  pauseMax?: Duration
  /**
   * - `dead-letter`: it is kept with its cause; `redrive` puts it into the queue again.
   * - `skip`: it is forgotten.
   * @default 'dead-letter'
   */
  onFailure?: 'dead-letter' | 'skip'
}

/**
 * Does the work of a queue, from `start` to `stop`, beside as many others as one likes: each item is done by one of them;
 * when that one dies, by another.
 *
 * @example
 * const worker = createWorker({
 *   engine, queue: 'emails', effects: database,
 *   handler: { each: async ({ value }, { transaction }) => void (await transaction.query('insert into sent values ($1)', [value.id])) },
 * })
 * await worker.start()
 */
export function createWorker<Item = unknown, Transaction extends TopicTransaction | undefined = undefined>(
  options: WorkerOptions<Item, Transaction>,
): Component {
  return new ItemWorker(options as unknown as WorkerOptions<unknown, TopicTransaction>)
}

class ItemWorker implements Component {
  readonly #options: WorkerOptions<unknown, TopicTransaction>
  readonly #clock: Clock
  readonly #random: Random
  readonly #policy: RetryPolicy
  readonly #performer: ItemPerformer
  readonly #concurrency: number
  readonly #batchMax: number
  readonly #timeoutMs: number | undefined
  #starting: Promise<Shift> | undefined

  constructor(options: WorkerOptions<unknown, TopicTransaction>) {
    const isBatch = 'batch' in options.handler
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#random = options.random ?? seededRandom(freshSeed())
    this.#policy = retryPolicy({ attempts: 10, pause: '1s', pauseMax: '10m', ...options.retry })
    this.#concurrency = wholeNumber('concurrency', options.concurrency ?? (isBatch ? 1 : 8), 1_000)
    this.#batchMax = isBatch ? wholeNumber('batchMax', options.batchMax ?? 100, 10_000) : 1
    this.#timeoutMs = options.timeout === undefined ? undefined : parseDuration(options.timeout)
    this.#performer = createItemPerformer({
      queue: options.queue,
      schema: options.schema,
      handler: options.handler as ItemHandler<unknown, unknown>,
      effects: options.effects,
      isSameDatabase: options.effects !== undefined && options.engine.isIn(options.effects as unknown as TopicDatabase),
    })
  }

  async start(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    this.#starting ??= this.#begin()
    const starting = this.#starting
    try {
      await starting
    } catch (error) {
      this.#starting = undefined
      throw error
    }
    if (signal?.aborted === true || this.#starting !== starting) {
      await this.stop()
      throw new TenfoldError('TF_ABORTED', 'expected the worker to start, but it was stopped', {
        cause: signal?.reason,
      })
    }
  }

  /** What is under way is finished, if that is before the deadline; what is not begun, or not finished by then, is given back. */
  async stop(deadlineMs: number = STOP_DEADLINE_MS_DEFAULT): Promise<void> {
    const starting = this.#starting
    this.#starting = undefined
    const shift = await starting?.catch(() => undefined)
    await shift?.end(deadlineMs)
  }

  async #begin(): Promise<Shift> {
    const { engine, queue } = this.#options
    const [concurrency, batchMax, timeoutMs] = [this.#concurrency, this.#batchMax, this.#timeoutMs]
    const [clock, random, policy, performer] = [this.#clock, this.#random, this.#policy, this.#performer]
    return createShift({ engine, queue, concurrency, batchMax, timeoutMs, clock, random, policy, performer })
  }
}

function wholeNumber(name: string, value: number, max: number): number {
  if (Number.isSafeInteger(value) && value >= 1 && value <= max) return value
  throw new TenfoldError('TF_OPTION_INVALID', `expected ${name} to be a whole number from 1 to ${max}, got ${value}`)
}
