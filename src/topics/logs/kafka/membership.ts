import type { KafkaConnection } from '../../../backends/kafka/kafka-connection.ts'
import { kafkaReason } from '../../../backends/kafka/kafka-failure.ts'
import type { Cancel, Clock } from '../../../core/clock.ts'
import { sleep } from '../../../core/clock.ts'
import { uniqueId } from '../../../core/random.ts'
import type { Membership, PartitionClaim } from '../../topic-log.ts'
import { reportTrouble } from '../../trouble.ts'
import { sendHeartbeat, sendLeave } from './group-heartbeat.ts'
import { commitOffsets, committedOffsets, kafkaGroupOf, logOffsets } from './group-offsets.ts'
import type { HeldClaim } from './partition-claim.ts'
import { claimLost, createPartitionClaim } from './partition-claim.ts'
import type { OpenPartition, PartitionFeed } from './partition-feed.ts'
import { createPartitionFeed } from './partition-feed.ts'

/*
 * A member of a group of Kafka. What it may have comes with the answers to its heartbeats; what it says that it owns are
 * the partitions whose work has not ended, so that the group gives none away before. Claims end for four reasons:
 * - the group gives the partition to another member: the claim is ending, and lost when its work has ended;
 * - the group has put the member out, which it learns from a heartbeat or a commit: all claims are lost, and it joins anew;
 * - it has not been heard of for the time of a session, by its own clock: all claims are lost, whatever the group says;
 * - the group was moved: what it was before is another group to Kafka, which takes commits that have no effect any more.
 * Kafka takes a commit only with the epoch that the member has in the group at present. Heartbeats and commits take turns.
 */

/** @see createKafkaMembership */
export interface KafkaMembershipOptions {
  readonly connection: KafkaConnection
  readonly clock: Clock
  readonly topic: { readonly name: string; readonly id: string }
  readonly group: string
  /** How often the group has been moved; another number is another group to Kafka. */
  readonly readMoves: () => Promise<number>
  /** Not longer than a session is to the brokers. */
  readonly sessionMs: number
  onEvents(partition: number): void
  run(claim: PartitionClaim): Promise<void>
}

/** Becomes a member of a group; the group has answered when it resolves. */
export async function createKafkaMembership(options: KafkaMembershipOptions): Promise<Membership> {
  const member = new Member(options, await options.readMoves())
  try {
    await member.start()
    return member
  } catch (error) {
    await member.leave(0)
    throw error
  }
}

const MOVES_MS = 1_000
const RETRY_MS = 500
const COMMIT_TRIES = 5
/** The group does not know the member, or takes it for another one. */
const OUT_OF_GROUP: ReadonlySet<string> = new Set(['FENCED_MEMBER_EPOCH', 'GROUP_ID_NOT_FOUND', 'UNKNOWN_MEMBER_ID'])

class Member implements Membership {
  readonly #options: KafkaMembershipOptions
  readonly #memberId = uniqueId()
  readonly #works = new Map<number, { readonly claim: HeldClaim; readonly work: Promise<void> }>()
  readonly #feed: PartitionFeed
  readonly #feedConnection: KafkaConnection
  readonly #abandoned = Promise.withResolvers<void>()
  #moves: number
  #epoch = 0
  #intervalMs = RETRY_MS
  #cancelBeat: Cancel = () => {}
  #nextBeatMs = Infinity
  #cancelExpiry: Cancel = () => {}
  #cancelMoves: Cancel = () => {}
  #turn: Promise<unknown> = Promise.resolve()
  #leaving: Promise<void> | undefined
  #isOver = false

  constructor(options: KafkaMembershipOptions, moves: number) {
    this.#options = options
    this.#moves = moves
    const { connection, topic, clock, onEvents } = options
    this.#feedConnection = connection.aside()
    this.#feed = createPartitionFeed({ connection: this.#feedConnection, topic: topic.name, clock, onEvents })
  }

  async start(): Promise<void> {
    await this.#inTurn(() => this.#beat())
    this.#schedule(this.#intervalMs)
    const { clock } = this.#options
    this.#cancelMoves = clock.every(MOVES_MS, () => void this.#followMoves())
  }

  leave(deadlineMs: number): Promise<void> {
    this.#leaving ??= this.#leave(deadlineMs)
    return this.#leaving
  }

  async #leave(deadlineMs: number): Promise<void> {
    const { clock, connection } = this.#options
    this.#cancelMoves()
    for (const { claim } of this.#works.values()) claim.end()
    const stopWaiting = clock.schedule(deadlineMs, () => {
      this.#loseAll()
      this.#abandoned.resolve()
    })
    await Promise.race([Promise.all([...this.#works.values()].map(({ work }) => work)), this.#abandoned.promise])
    stopWaiting()
    this.#isOver = true
    this.#cancelBeat()
    this.#cancelExpiry()
    this.#feed.end()
    await this.#inTurn(() =>
      this.#epoch === 0 ? Promise.resolve() : sendLeave(connection, { group: this.#group, memberId: this.#memberId }),
    ).catch((error: unknown) => reportTrouble('leaving a group', error))
    await this.#feedConnection.end()
  }

  get #group(): string {
    return kafkaGroupOf(this.#options.topic.name, this.#options.group, this.#moves)
  }

  /** The next heartbeat comes no later than that. */
  #schedule(ms: number): void {
    const { clock } = this.#options
    const dueMs = clock.nowMs() + ms
    if (this.#isOver || this.#nextBeatMs <= dueMs) return
    this.#cancelBeat()
    this.#nextBeatMs = dueMs
    this.#cancelBeat = clock.schedule(ms, () => {
      this.#nextBeatMs = Infinity
      void this.#inTurn(() => this.#beatOn()).finally(() => this.#schedule(this.#intervalMs))
    })
  }

  /** A heartbeat whose failure is not the caller's. */
  async #beatOn(): Promise<void> {
    if (this.#isOver) return
    try {
      await this.#beat()
    } catch (error) {
      this.#intervalMs = RETRY_MS
      if (!this.#isPutOut(error)) reportTrouble('a heartbeat of a group', error)
    }
  }

  async #beat(): Promise<void> {
    const { connection, topic, clock, sessionMs } = this.#options
    const sentMs = clock.nowMs()
    const owned = [...this.#works.values()]
      .filter(({ claim }) => !claim.lost.aborted)
      .map(({ claim }) => claim.partition)
    const me = { group: this.#group, memberId: this.#memberId, epoch: this.#epoch }
    const answer = await sendHeartbeat(connection, { ...me, topic: topic.name, topicId: topic.id, owned })
    this.#epoch = answer.epoch
    this.#intervalMs = answer.intervalMs
    this.#cancelExpiry()
    const leftMs = Math.max(0, sentMs + sessionMs - clock.nowMs())
    this.#cancelExpiry = clock.schedule(leftMs, () => this.#loseAll(), { unref: true })
    if (answer.assigned !== undefined) this.#follow(answer.assigned)
  }

  #follow(assigned: readonly number[]): void {
    for (const { claim } of this.#works.values()) if (!assigned.includes(claim.partition)) claim.end()
    if (this.#leaving !== undefined) return
    // One whose last work has not ended yet comes with the heartbeat after that.
    for (const partition of assigned) if (!this.#works.has(partition)) this.#begin(partition)
  }

  #begin(partition: number): void {
    const group = this.#group
    const opened = Promise.withResolvers<OpenPartition>()
    const claim = createPartitionClaim({
      partition,
      epoch: this.#epoch,
      events: {
        take: async (max) => (await opened.promise).take(max),
        close: () => void opened.promise.then((source) => source.close()),
      },
      commit: (offset) => this.#commit(claim, group, offset),
    })
    const work = async (): Promise<void> => {
      try {
        opened.resolve(this.#open(claim, group))
        await this.#options.run(claim)
      } catch (error) {
        reportTrouble(`the work on partition ${partition}`, error)
      } finally {
        claim.lose()
        await opened.promise
        this.#works.delete(partition)
        this.#schedule(0)
      }
    }
    // So that it is among the works before it begins.
    this.#works.set(partition, { claim, work: Promise.resolve().then(work) })
  }

  /** Finds out where the group is on a partition, however often that takes, and begins to read there. */
  async #open({ partition, ending, lost }: PartitionClaim, group: string): Promise<OpenPartition> {
    const { connection, topic, clock } = this.#options
    const ended = AbortSignal.any([ending, lost])
    while (!ended.aborted) {
      try {
        const offsets = await committedOffsets(connection, { group, topic: topic.name }, [partition])
        const offset =
          offsets.get(partition) ?? (await logOffsets(connection, topic.name, 'start', [partition])).get(partition)
        if (ended.aborted) break
        return this.#feed.open(partition, offset ?? 0n)
      } catch (error) {
        reportTrouble(`asking where the group is on partition ${partition}`, error)
        await sleep(clock, RETRY_MS, ended).catch(() => undefined)
      }
    }
    return NOTHING
  }

  #commit(claim: PartitionClaim, group: string, offset: bigint): Promise<void> {
    const { connection, topic } = this.#options
    return this.#inTurn(async () => {
      for (let tries = 1; ; tries++) {
        if (claim.lost.aborted) throw claimLost(claim.partition)
        const by = { memberId: this.#memberId, epoch: this.#epoch }
        try {
          await commitOffsets(connection, { group, topic: topic.name, by }, new Map([[claim.partition, offset]]))
          return
        } catch (error) {
          if (this.#isPutOut(error)) throw claimLost(claim.partition, error)
          // The group has gone on, and we have not heard of it yet.
          if (kafkaReason(error) !== 'STALE_MEMBER_EPOCH' || tries === COMMIT_TRIES) throw error
          await this.#beatOn()
        }
      }
    })
  }

  #isPutOut(error: unknown): boolean {
    if (!OUT_OF_GROUP.has(kafkaReason(error) ?? '')) return false
    this.#loseAll()
    this.#epoch = 0
    this.#schedule(RETRY_MS)
    return true
  }

  async #followMoves(): Promise<void> {
    const { readMoves, connection } = this.#options
    const moves = await readMoves().catch((error: unknown) => {
      reportTrouble('looking whether a group was moved', error)
      return this.#moves
    })
    if (moves === this.#moves || this.#leaving !== undefined) return
    this.#loseAll()
    await this.#inTurn(async () => {
      const before = { group: this.#group, memberId: this.#memberId }
      this.#moves = moves
      this.#epoch = 0
      await sendLeave(connection, before).catch((error: unknown) =>
        reportTrouble('leaving a group that was moved', error),
      )
      await this.#beatOn()
    })
    this.#schedule(this.#intervalMs)
  }

  #loseAll(): void {
    for (const { claim } of this.#works.values()) claim.lose()
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const turn = this.#turn.then(work)
    this.#turn = turn.catch(() => undefined)
    return turn
  }
}

const NOTHING: OpenPartition = { take: async () => [], close: () => {} }
