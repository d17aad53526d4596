import assert from 'node:assert/strict'
import type { KafkaConnection } from '../../../backends/kafka/kafka-connection.ts'
import { kafkaReason, partialResponse } from '../../../backends/kafka/kafka-failure.ts'
import type { Clock } from '../../../core/clock.ts'
import { sleep } from '../../../core/clock.ts'
import type { StoredEvent } from '../../topic-log.ts'
import { reportTrouble } from '../../trouble.ts'
import type { MessageBatch } from './event-message.ts'
import { eventsOfBatch, offsetBehind } from './event-message.ts'
import { logOffsets } from './group-offsets.ts'

/*
 * Reading ahead. For each broker that leads a partition of ours one request is under way, which waits there until there is
 * something; it asks for all partitions whose buffer has room. So an event that arrives is here at once, and a consumer
 * that is slow stops only the reading of its own partition.
 */

/** Events of the partitions that a member has. */
export interface PartitionFeed {
  /** Begins to read a partition from an offset on. */
  open(partition: number, offset: bigint): OpenPartition
  end(): void
}

export interface OpenPartition {
  /** What is here, `max` at most; waits only until the broker has been asked for the first time. */
  take(max: number): Promise<readonly StoredEvent[]>
  close(): void
}

/** @see createPartitionFeed */
export interface PartitionFeedOptions {
  /** Of its own: its requests wait at the broker. */
  readonly connection: KafkaConnection
  readonly topic: string
  readonly clock: Clock
  onEvents(partition: number): void
}

/** A request waits at the broker for so long. */
const WAIT_MS = 500
/** More is not read ahead, of one partition. */
const BUFFER_MAX = { events: 1_000, bytes: 2 ** 20 }
/** Of one answer; a single batch may be larger. */
const ANSWER_BYTES = { partition: 2 ** 20, all: 2 ** 23 }
const TROUBLE_MS = 250

export function createPartitionFeed(options: PartitionFeedOptions): PartitionFeed {
  return new Feed(options)
}

interface FetchResponse {
  readonly responses: readonly { readonly partitions: readonly FetchedPartition[] }[]
}

interface FetchedPartition {
  readonly partitionIndex: number
  readonly errorCode: number
  readonly records?: readonly MessageBatch[] | null
}

const OFFSET_OUT_OF_RANGE = 1

class Feed implements PartitionFeed {
  readonly #options: PartitionFeedOptions
  readonly #sources = new Map<number, Source>()
  readonly #asking = new Set<number>()
  readonly #ended = new AbortController()

  constructor(options: PartitionFeedOptions) {
    this.#options = options
  }

  open(partition: number, offset: bigint): OpenPartition {
    assert(!this.#sources.has(partition), `expected partition ${partition} to be read once`)
    const source = new Source(partition, offset)
    this.#sources.set(partition, source)
    this.#ask()
    return {
      take: async (max) => {
        await source.isAsked
        const events = source.take(max)
        this.#ask()
        return events
      },
      close: () => {
        source.answered()
        if (this.#sources.get(partition) === source) this.#sources.delete(partition)
      },
    }
  }

  end(): void {
    this.#ended.abort()
    for (const source of this.#sources.values()) source.answered()
  }

  /** Starts the requests that are wanted and not under way. */
  #ask(): void {
    if (this.#ended.signal.aborted || this.#asking.has(LOOKING_UP)) return
    const isIdle = [...this.#sources.values()].some(
      (source) => source.hasRoom && !this.#asking.has(source.leader ?? LOOKING_UP),
    )
    if (isIdle) void this.#askAll()
  }

  async #askAll(): Promise<void> {
    this.#asking.add(LOOKING_UP)
    try {
      const { connection, topic } = this.#options
      const isFresh = [...this.#sources.values()].some(({ leader }) => leader === undefined)
      const found = await connection.topic(topic, { isFresh })
      for (const source of this.#sources.values()) source.leader = found?.leaders[source.partition]
      const leaders = new Set([...this.#sources.values()].filter(({ hasRoom }) => hasRoom).map(({ leader }) => leader))
      for (const leader of leaders) {
        if (leader !== undefined && leader >= 0 && found !== undefined && !this.#asking.has(leader)) {
          void this.#askBroker(leader, found.id)
        }
      }
    } catch (error) {
      await this.#afterTrouble(error)
    } finally {
      this.#asking.delete(LOOKING_UP)
    }
    if ([...this.#sources.values()].some(({ leader }) => leader === undefined || leader < 0)) {
      await this.#pause()
      this.#ask()
    }
  }

  /** One request after the other, as long as there is a partition of this broker with room. */
  async #askBroker(leader: number, topicId: string): Promise<void> {
    this.#asking.add(leader)
    try {
      for (;;) {
        const wanted = [...this.#sources.values()].filter((source) => source.leader === leader && source.hasRoom)
        if (wanted.length === 0 || this.#ended.signal.aborted) return
        await this.#fetch(leader, topicId, wanted)
      }
    } catch (error) {
      for (const source of this.#sources.values()) if (source.leader === leader) source.leader = undefined
      await this.#afterTrouble(error)
    } finally {
      this.#asking.delete(leader)
      this.#ask()
    }
  }

  async #fetch(leader: number, topicId: string, wanted: readonly Source[]): Promise<void> {
    const partitions = wanted.map(({ partition, offset }) => ({
      partition,
      currentLeaderEpoch: -1,
      fetchOffset: offset,
      lastFetchedEpoch: -1,
      partitionMaxBytes: ANSWER_BYTES.partition,
    }))
    const topics = [{ topicId, partitions }]
    const [session, epoch] = [0, -1]
    let refusal: unknown
    const response = await this.#options.connection
      .askBroker<FetchResponse>(leader, 'Fetch', WAIT_MS, 1, ANSWER_BYTES.all, 0, session, epoch, topics, [], '')
      .catch((error: unknown) => {
        refusal = error
        const partial = partialResponse<FetchResponse>(error)
        if (partial === undefined) throw error
        return partial
      })
    for (const answer of response.responses.flatMap((each) => each.partitions)) {
      const source = wanted.find(({ partition }) => partition === answer.partitionIndex)
      if (source === undefined || this.#sources.get(source.partition) !== source) continue
      if (answer.errorCode === OFFSET_OUT_OF_RANGE) await this.#moveIntoLog(source)
      else if (answer.errorCode === 0 && source.add(topicId, answer.records ?? []))
        this.#options.onEvents(source.partition)
    }
    if (refusal !== undefined && kafkaReason(refusal) !== 'OFFSET_OUT_OF_RANGE') throw refusal
  }

  /** Its next event is gone, since nobody read it for longer than events are kept; or brokers have lost the end of the log. */
  async #moveIntoLog(source: Source): Promise<void> {
    const { connection, topic } = this.#options
    const [start, end] = await Promise.all(
      (['start', 'end'] as const).map(async (at) =>
        (await logOffsets(connection, topic, at, [source.partition])).get(source.partition),
      ),
    )
    if (start === undefined || end === undefined) return
    const to = source.offset < start ? start : end
    reportTrouble(
      `reading partition ${source.partition} of ${topic}: event ${source.offset} is not there, it goes on with ${to}`,
      undefined,
    )
    source.offset = to
  }

  async #afterTrouble(error: unknown): Promise<void> {
    if (this.#ended.signal.aborted) return
    reportTrouble(`reading ${this.#options.topic}`, error)
    await this.#pause()
  }

  #pause(): Promise<void> {
    return sleep(this.#options.clock, TROUBLE_MS, this.#ended.signal).catch(() => undefined)
  }
}

/** Stands for the request that asks who leads what. */
const LOOKING_UP = -1

class Source {
  readonly partition: number
  /** Of the next event to be read from the broker. */
  offset: bigint
  leader: number | undefined
  readonly #isAsked = Promise.withResolvers<void>()
  readonly #events: StoredEvent[] = []
  #bytes = 0

  constructor(partition: number, offset: bigint) {
    this.partition = partition
    this.offset = offset
  }

  get hasRoom(): boolean {
    return this.#events.length < BUFFER_MAX.events && this.#bytes < BUFFER_MAX.bytes
  }

  get isAsked(): Promise<void> {
    return this.#isAsked.promise
  }

  answered(): void {
    this.#isAsked.resolve()
  }

  /** @returns whether there was anything */
  add(topicId: string, batches: readonly MessageBatch[]): boolean {
    const before = this.#events.length
    for (const batch of batches) {
      for (const event of eventsOfBatch(batch, { topicId, partition: this.partition, from: this.offset })) {
        this.#events.push(event)
        this.#bytes += event.payload.length
      }
      const behind = offsetBehind(batch)
      if (behind > this.offset) this.offset = behind
    }
    this.answered()
    return this.#events.length > before
  }

  take(max: number): readonly StoredEvent[] {
    const events = this.#events.splice(0, max)
    for (const { payload } of events) this.#bytes -= payload.length
    return events
  }
}
