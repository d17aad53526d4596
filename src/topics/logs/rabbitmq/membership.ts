import type { Channel, ConsumeMessage } from 'amqplib'
import type { RabbitConnection } from '../../../backends/rabbitmq/rabbit-connection.ts'
import type { Cancel, Clock } from '../../../core/clock.ts'
import { hasCode } from '../../../core/errors.ts'
import { uniqueId } from '../../../core/random.ts'
import { assign } from '../../assignment.ts'
import type { Membership, PartitionClaim } from '../../topic-log.ts'
import { reportTrouble } from '../../trouble.ts'
import type { MemberNote } from './member-notes.ts'
import { readNote, writeNote } from './member-notes.ts'
import type { GroupNames } from './names.ts'
import type { HeldClaim } from './partition-claim.ts'
import { claimPartition } from './partition-claim.ts'

/** @see createMembership */
export interface MembershipOptions {
  readonly names: GroupNames
  readonly partitions: number
  readonly clock: Clock
  /** Of its own: what is claimed goes with it. */
  readonly connect: () => Promise<RabbitConnection>
  /** Makes what the group needs, again if the broker has lost it. */
  readonly prepare: (channel: Channel) => Promise<void>
  readonly prefetch: number
  /** Between two looks around. */
  readonly beatMs: number
  run(claim: PartitionClaim): Promise<void>
  onArrival(partition: number): void
}

/** Members that were not heard of for so many beats are not counted. */
const BEATS_SILENT = 3
/** What several members say at once is looked at together. */
const SOON_MS = 20

/** Becomes a member of a group. Rejects if the broker can't be reached now; later it is tried again until it can. */
export async function createMembership(options: MembershipOptions): Promise<Membership> {
  const member = new Member(options)
  try {
    await member.connect()
    return member
  } catch (error) {
    await member.leave(0)
    throw error
  }
}

/** As long as one connection lives. */
interface Presence {
  readonly connection: RabbitConnection
  readonly channel: Channel
}

class Member implements Membership {
  readonly #options: MembershipOptions
  readonly #me = uniqueId()
  readonly #claims = new Map<number, { readonly claim: HeldClaim; readonly work: Promise<void> }>()
  readonly #others = new Map<string, { readonly note: MemberNote; readonly heardMs: number }>()
  #presence: Presence | undefined
  #epoch = 0
  #cancel: Cancel = () => {}
  #looking: Promise<void> | undefined
  #leaving: Promise<void> | undefined

  constructor(options: MembershipOptions) {
    this.#options = options
  }

  async connect(): Promise<void> {
    const { connect, prepare, names, beatMs } = this.#options
    const connection = await connect()
    try {
      const channel = await connection.channel()
      await prepare(channel)
      const { queue } = await channel.assertQueue('', { exclusive: true, durable: false })
      await channel.bindQueue(queue, names.members, '')
      await channel.consume(queue, (message) => this.#hear(message), { noAck: true })
      this.#presence = { connection, channel }
      connection.closed.addEventListener('abort', () => this.#disconnected(), { once: true })
      connection.closed.throwIfAborted()
    } catch (error) {
      await connection.end()
      throw error
    }
    this.#say({ isNew: true })
    // Those who are there answer before.
    this.#lookIn(Math.min(5 * SOON_MS, beatMs))
  }

  leave(deadlineMs: number): Promise<void> {
    this.#leaving ??= this.#leave(deadlineMs)
    return this.#leaving
  }

  async #leave(deadlineMs: number): Promise<void> {
    this.#cancel()
    await this.#looking
    this.#cancel()
    for (const { claim } of this.#claims.values()) claim.end()
    const late = Promise.withResolvers<void>()
    const stopWaiting = this.#options.clock.schedule(deadlineMs, () => late.resolve())
    const works = [...this.#claims.values()].map(({ work }) => work)
    await Promise.race([Promise.all(works), late.promise])
    stopWaiting()
    this.#say({ isGone: true })
    // What is still claimed is lost with it, and anybody's at once.
    await this.#presence?.connection.end()
  }

  #disconnected(): void {
    const { closed } = this.#presence?.connection ?? {}
    this.#presence = undefined
    if (this.#leaving !== undefined) return
    reportTrouble(`the connection of a member of ${this.#options.names.group}`, closed?.reason)
    this.#others.clear()
    this.#lookIn(SOON_MS)
  }

  #lookIn(ms: number): void {
    if (this.#leaving !== undefined) return
    this.#cancel()
    this.#cancel = this.#options.clock.schedule(ms, () => void this.#beat())
  }

  /** One at a time; the next is scheduled when this one is over. */
  async #beat(): Promise<void> {
    if (this.#looking !== undefined) return
    this.#looking = this.#look()
      .catch((error: unknown) => reportTrouble('a look around in the group', error))
      .finally(() => {
        this.#looking = undefined
        this.#lookIn(this.#options.beatMs)
      })
    await this.#looking
  }

  async #look(): Promise<void> {
    if (this.#presence === undefined) {
      await this.connect()
      return
    }
    const { clock, partitions, beatMs } = this.#options
    for (const [id, { heardMs }] of this.#others) {
      if (clock.nowMs() - heardMs > BEATS_SILENT * beatMs) this.#others.delete(id)
    }
    const owners = new Map(
      [...this.#others.values()].flatMap(({ note }) => note.claims.map((claim) => [claim.partition, note.id])),
    )
    for (const { partition } of this.#held()) owners.set(partition, this.#me)
    const { take, giveBack } = assign({
      me: this.#me,
      members: [...this.#others.keys()],
      partitions: Array.from({ length: partitions }, (_, partition) => ({ partition, owner: owners.get(partition) })),
    })
    for (const partition of giveBack) this.#claims.get(partition)?.claim.end()
    for (const partition of take) await this.#take(partition)
    this.#say()
  }

  async #take(partition: number): Promise<void> {
    const { connection } = this.#presence ?? {}
    if (connection === undefined || this.#leaving !== undefined || this.#claims.has(partition)) return
    const { names, prefetch, onArrival } = this.#options
    // Grows also beyond the life of this process, if clocks do.
    this.#epoch = Math.max(this.#epoch + 1, this.#options.clock.epochMs())
    const onArrived = (): void => onArrival(partition)
    const shared = { connection, names, partition, prefetch, onArrival: onArrived }
    try {
      const claim = await claimPartition({ ...shared, epoch: this.#epoch })
      if (claim !== undefined) this.#begin(claim)
    } catch (error) {
      // What the group needs may be gone: it is made with the next connection.
      await connection.end()
      throw error
    }
  }

  #begin(claim: HeldClaim): void {
    const { partition } = claim
    const work = this.#options
      .run(claim)
      .then(() => claim.giveBack())
      .catch((error: unknown) => {
        if (!hasCode(error, 'TF_BROKER_UNREACHABLE')) reportTrouble(`the work on partition ${partition}`, error)
      })
      .finally(() => {
        this.#claims.delete(partition)
        this.#say()
      })
    this.#claims.set(partition, { claim, work })
  }

  /** Those that are lost go on until their work has ended, and are no business of others. */
  #held(): readonly HeldClaim[] {
    return [...this.#claims.values()].map(({ claim }) => claim).filter(({ lost }) => !lost.aborted)
  }

  #say(more: Partial<MemberNote> = {}): void {
    const claims = more.isGone === true ? [] : this.#held().map(({ state }) => state)
    const note = writeNote({ ...more, id: this.#me, claims })
    try {
      this.#presence?.channel.publish(this.#options.names.members, '', note)
    } catch (error) {
      // It is closing; the next look finds that out.
      reportTrouble('telling the group', error)
    }
  }

  #hear(message: ConsumeMessage | null): void {
    const note = readNote(message?.content)
    if (note === undefined || note.id === this.#me) return
    const before = this.#others.get(note.id)
    if (note.isGone === true) this.#others.delete(note.id)
    else this.#others.set(note.id, { note, heardMs: this.#options.clock.nowMs() })
    if (note.isNew === true) this.#say()
    const had = before?.note.claims.length
    if (this.#looking === undefined && (note.isGone === true || had !== note.claims.length)) this.#lookIn(SOON_MS)
  }
}
