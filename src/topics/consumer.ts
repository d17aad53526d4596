import diagnostics from 'node:diagnostics_channel'
import type { StandardSchema } from '../blueprint/standard-schema.ts'
import type { Clock } from '../core/clock.ts'
import { systemClock } from '../core/clock.ts'
import type { Component } from '../core/component.ts'
import { STOP_DEADLINE_MS_DEFAULT } from '../core/component.ts'
import { TenfoldError } from '../core/errors.ts'
import type { Random } from '../core/random.ts'
import { freshSeed, seededRandom } from '../core/random.ts'
import type { EffectsDatabase, Handler } from './handler.ts'
import { createPartitionWait } from './partition-wait.ts'
import { workOnPartition } from './partition-work.ts'
import type { Performer } from './perform.ts'
import { createPerformer } from './perform.ts'
import { openPutAside } from './put-aside.ts'
import type { RetryOptions, RetryPolicy } from './retry-policy.ts'
import { retryPolicy } from './retry-policy.ts'
import type { TopicDatabase, TopicTransaction } from './topic-database.ts'
import type { Membership, PartitionClaim, TopicLog } from './topic-log.ts'
import type { WorkMeter } from './work-meter.ts'
import { createWorkMeter } from './work-meter.ts'
import type { WorkPlaces } from './work-places.ts'
import { createWorkPlaces } from './work-places.ts'
import type { GivenUpEvent } from './work-report.ts'
import { GIVEN_UP_CHANNEL, reportWork } from './work-report.ts'

/** What a group does with the events of a topic, and how. */
export interface ConsumerOptions<Event, Transaction> {
  readonly log: TopicLog
  readonly topic: string
  /** Members of one group share the events; each group gets all of them. */
  readonly group: string
  readonly handler: Handler<Event, Transaction>
  /** What an event has to be; what is not goes where failures go, without another try. @default anything that is JSON */
  readonly schema?: StandardSchema<Event> | undefined
  /**
   * Where the handler's effects happen once. A transaction in which nothing happens for 30 seconds is rolled back.
   * @default nowhere: each event is handled at least once
   */
  readonly effects?: EffectsDatabase<Transaction> | undefined
  /** Where a group begins that is new. @default 'beginning' */
  readonly from?: 'beginning' | 'now'
  /** Calls of the handler at once in this process, over all partitions. @default 8 */
  readonly concurrency?: number
  /** Events in one call of a batch handler. At most 10000. @default 100 */
  readonly batchMax?: number
  /** Events that are read and not finished, for each partition: no more are read until some are. @default 200 */
  readonly inFlightMax?: number
  readonly retry?: RetryOptions
  readonly clock?: Clock
  readonly random?: Random
}

const givenUp = diagnostics.channel(GIVEN_UP_CHANNEL)

/**
 * Handles the events of a topic for a group, from `start` to `stop`: in order within each key, keys side by side, tried
 * again when the handler throws. Every event is handled: by this process or, when it dies, by another member.
 *
 * @example
 * const consumer = createConsumer({
 *   log, topic: 'orders', group: 'billing', effects: database,
 *   handler: { each: async ({ value }, { transaction }) => void (await transaction.query('insert into bill values ($1)', [value.id])) },
 * })
 * await consumer.start()
 */
export function createConsumer<Event = unknown, Transaction extends TopicTransaction | undefined = undefined>(
  options: ConsumerOptions<Event, Transaction>,
): Component {
  return new TopicConsumer(options as unknown as ConsumerOptions<unknown, TopicTransaction>)
}

class TopicConsumer implements Component {
  readonly #options: ConsumerOptions<unknown, TopicTransaction>
  readonly #clock: Clock
  readonly #random: Random
  readonly #policy: RetryPolicy
  readonly #meter: WorkMeter
  readonly #places: WorkPlaces
  readonly #performer: Performer
  readonly #batchMax: number
  readonly #inFlightMax: number
  #joining: Promise<Membership> | undefined

  constructor(options: ConsumerOptions<unknown, TopicTransaction>) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#random = options.random ?? seededRandom(freshSeed())
    this.#policy = retryPolicy(options.retry)
    if (this.#policy.onFailure === 'block-key' && !options.log.capabilities.blocksKeys) throw cannotBlockKeys(options)
    this.#meter = createWorkMeter(this.#clock)
    this.#places = createWorkPlaces(wholeNumber('concurrency', options.concurrency ?? 8, 1_000), this.#meter)
    this.#batchMax = 'batch' in options.handler ? wholeNumber('batchMax', options.batchMax ?? 100, 10_000) : 1
    this.#inFlightMax = Math.max(this.#batchMax, wholeNumber('inFlightMax', options.inFlightMax ?? 200, 10_000))
    const { topic, group } = options
    const performer = createPerformer({
      topic,
      group,
      schema: options.schema,
      handler: options.handler as Handler<unknown, unknown>,
      effects: options.effects,
      isSameDatabase:
        options.effects !== undefined &&
        options.log.capabilities.commitsInTransaction &&
        options.log.isIn(options.effects as unknown as TopicDatabase),
    })
    this.#performer = reportWork(performer, { topic, group, meter: this.#meter, clock: this.#clock })
  }

  async start(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    const { log, topic, group, from } = this.#options
    this.#joining ??= log.join({ topic, group, from, run: (claim) => this.#run(claim) })
    const joining = this.#joining
    try {
      await joining
    } catch (error) {
      this.#joining = undefined
      throw error
    }
    if (signal?.aborted === true || this.#joining !== joining) {
      await this.stop()
      throw new TenfoldError('TF_ABORTED', 'expected the consumer to start, but it was stopped', {
        cause: signal?.reason,
      })
    }
  }

  /** What is under way is finished, if that is before the deadline; what is not will be delivered again. */
  async stop(deadlineMs: number = STOP_DEADLINE_MS_DEFAULT): Promise<void> {
    const joining = this.#joining
    this.#joining = undefined
    const membership = await joining?.catch(() => undefined)
    await membership?.leave(deadlineMs)
  }

  async #run(claim: PartitionClaim): Promise<void> {
    const { log, topic, group } = this.#options
    const signal = AbortSignal.any([claim.ending, claim.lost])
    const [clock, random, policy] = [this.#clock, this.#random, this.#policy]
    const attempts = { clock, random, policy, signal }
    const wait = createPartitionWait({ clock, signal })
    const isBehind = this.#meter.reason()
    const stopWaking = log.onWake(topic, (partition) => {
      if (partition === undefined || partition === claim.partition) wait.wake()
    })
    try {
      const aside = await openPutAside({
        letters: await log.deadLetters(topic, group),
        partition: claim.partition,
        attempts,
        onGivenUp({ messageId, partition }, cause) {
          givenUp.publish({ topic, group, partition, messageId, cause } satisfies GivenUpEvent)
        },
      })
      const [performer, places, batchMax, inFlightMax] = [
        this.#performer,
        this.#places,
        this.#batchMax,
        this.#inFlightMax,
      ]
      await workOnPartition({ claim, performer, aside, wait, isBehind, places, attempts, clock, batchMax, inFlightMax })
    } finally {
      isBehind.set(false)
      stopWaking()
      wait.end()
    }
  }
}

function cannotBlockKeys({ topic }: { readonly topic: string }): TenfoldError {
  return new TenfoldError(
    'TF_TOPIC_UNSUPPORTED',
    `expected the engine of ${topic} to keep the events of a key behind one that was given up, which it can not`,
    {
      hint: "set attempts to Infinity, so that the key waits until it goes well, or onFailure to 'dead-letter' or 'skip'",
      details: { topic },
    },
  )
}

function wholeNumber(name: string, value: number, max: number): number {
  if (Number.isSafeInteger(value) && value >= 1 && value <= max) return value
  throw new TenfoldError('TF_OPTION_INVALID', `expected ${name} to be a whole number from 1 to ${max}, got ${value}`)
}
