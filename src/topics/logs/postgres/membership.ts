import type { Cancel, Clock } from '../../../core/clock.ts'
import { uniqueId } from '../../../core/random.ts'
import { assign } from '../../assignment.ts'
import type { TopicDatabase } from '../../topic-database.ts'
import { reportTrouble } from '../../trouble.ts'
import type { Membership, PartitionClaim } from '../../topic-log.ts'
import { sayGoodBye, sayHello } from './group-members.ts'
import { readIncarnation } from './incarnation.ts'
import type { HeldClaim } from './partition-claim.ts'
import { createPartitionClaim } from './partition-claim.ts'
import { takePartition } from './progress.ts'
import { tick } from './ticks.ts'
import type { CatalogTopic } from './topic-catalog.ts'

/** @see createMembership */
export interface MembershipOptions {
  readonly database: TopicDatabase
  readonly clock: Clock
  readonly topic: CatalogTopic
  /** Id of the group. */
  readonly consumer: number
  /**
   * How long a member that is not heard of keeps its partitions: what is under way may take as long as it wants, but a
   * process that stands still for longer loses them.
   */
  readonly leaseMs: number
  run(claim: PartitionClaim): Promise<void>
}

/** Looks around so often in the time of a lease. */
const BEATS = 8

/** Becomes a member of a group. Partitions come with the first look around, which has been made when it resolves. */
export async function createMembership(options: MembershipOptions): Promise<Membership> {
  const member = new Member(options)
  await member.beat()
  return member
}

class Member implements Membership {
  readonly #options: MembershipOptions
  readonly #me = uniqueId()
  readonly #claims = new Map<number, { readonly claim: HeldClaim; readonly work: Promise<void> }>()
  #cancel: Cancel = () => {}
  #beating: Promise<void> | undefined
  #leaving: Promise<void> | undefined

  constructor(options: MembershipOptions) {
    this.#options = options
  }

  /** Looks around, takes and gives back; the next look is scheduled when this one is over. */
  beat(): Promise<void> {
    this.#beating = this.#look()
      .catch((error: unknown) => reportTrouble('a look around in the group', error))
      .finally(() => {
        const { clock, leaseMs } = this.#options
        if (this.#leaving === undefined) this.#cancel = clock.schedule(leaseMs / BEATS, () => void this.beat())
      })
    return this.#beating
  }

  leave(deadlineMs: number): Promise<void> {
    this.#leaving ??= this.#leave(deadlineMs)
    return this.#leaving
  }

  async #leave(deadlineMs: number): Promise<void> {
    this.#cancel()
    await this.#beating
    this.#cancel()
    const { database, consumer, clock, leaseMs } = this.#options
    // While they finish, their leases have to be kept.
    const stopKeeping = clock.every(leaseMs / BEATS, () => void this.#renew())
    const stopWaiting = clock.schedule(deadlineMs, () => {
      for (const { claim } of this.#claims.values()) claim.abandon()
    })
    for (const { claim } of this.#claims.values()) claim.end()
    await Promise.all([...this.#claims.values()].map(({ claim, work }) => Promise.race([work, claim.abandoned])))
    stopWaiting()
    stopKeeping()
    await sayGoodBye(database, consumer, this.#me).catch((error: unknown) => reportTrouble('leaving a group', error))
  }

  async #look(): Promise<void> {
    const { database, consumer, topic, leaseMs, clock } = this.#options
    await this.#renew()
    await tick(database)
    const view = await sayHello(database, { consumer, topic, me: this.#me, leaseMs })
    const partitions = view.partitions.map(({ partition, owner }) => ({
      partition,
      // What is ours by the database, but not here, was given up after a doubt: we go on with what the database has.
      owner: owner === this.#me && !this.#claims.has(partition) ? undefined : owner,
    }))
    const { take, giveBack } = assign({ ...view, partitions })
    for (const partition of giveBack) this.#claims.get(partition)?.claim.end()
    const incarnation = take.length === 0 ? '' : await readIncarnation(database)
    for (const partition of take) {
      if (this.#claims.has(partition) || this.#leaving !== undefined) continue
      const place = { consumer, partition }
      const takenMs = clock.nowMs()
      const row = await takePartition(database, place, { owner: this.#me, leaseMs, incarnation })
      if (row === undefined) continue
      const shared = { database, clock, topic: topic.id, place, leaseMs, takenMs, row }
      this.#begin(createPartitionClaim({ ...shared, owner: this.#me }))
    }
  }

  #begin(claim: HeldClaim): void {
    const work = this.#options
      .run(claim)
      .then(() => claim.giveBack())
      .catch((error: unknown) => reportTrouble(`the work on partition ${claim.partition}`, error))
      .finally(() => this.#claims.delete(claim.partition))
    this.#claims.set(claim.partition, { claim, work })
  }

  async #renew(): Promise<void> {
    await Promise.all(
      [...this.#claims.values()].map(({ claim }) =>
        claim.renew().catch((error: unknown) => reportTrouble('keeping a lease', error)),
      ),
    )
  }
}
