import type { ChildUser } from '../core/child-user.ts'
import type { Clock } from '../core/clock.ts'
import { sleep } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import type { Decision, Observation } from './arbiter.ts'
import { decide } from './arbiter.ts'
import { FENCE_MS_MAX, bringUpPrimary, stubborn } from './bring-up.ts'
import { catchUp } from './catch-up.ts'
import type { FollowerOptions } from './cluster-options.ts'
import type { ClusterState } from './cluster-state.ts'
import type { Followers } from './followers.ts'
import { createFollowers } from './followers.ts'
import { restartDelayMs } from './keep-running.ts'
import type { Subprocess } from '../core/subprocess.ts'
import type { ClusterNode } from './node.ts'
import type { NodeRole } from './node-role.ts'
import type { PrimaryWatch } from './primary-watch.ts'
import { createPrimaryWatch, statusOf } from './primary-watch.ts'
import { observeNodes } from './observe-nodes.ts'
import { promote, waitForOn } from './promotion.ts'
import type { RecordKeeper } from './record-keeper.ts'
import { primaryOf, termOf } from './record-keeper.ts'
import type { LogPosition } from './replication-status.ts'
import { keepSlots, keepSlotsOnFollowers } from './slots.ts'
import { withSession } from './set-up-session.ts'
import { recordTerm } from './term-table.ts'

/** Runs the nodes of a cluster: takes the steps that the arbiter names. */
export interface ClusterOperator {
  readonly primary: ClusterNode
  /** What is wrong with the protection of writes, and since when (epoch ms). */
  readonly alarm: { readonly reason: string; readonly sinceEpochMs: number } | undefined
  readonly failovers: number
  readonly followers: Followers
  readonly watch: PrimaryWatch
  /** Whether COMMIT waits for a follower that may take over. */
  readonly isProtected: boolean
  /**
   * Starts or adopts the recorded primary, or finishes a promotion that was interrupted. Where it can't be started, the
   * node that certainly has everything takes over.
   */
  bringUp(signal: AbortSignal): Promise<void>
  /** Follows up on a primary that takes writes, until the signal; the servers run on. */
  run(signal: AbortSignal): Promise<void>
  /** Lets `work` have the cluster to itself: no step is taken meanwhile. */
  exclusively<Result>(work: () => Promise<Result>): Promise<Result>
}

/** @see createClusterOperator */
export interface ClusterOperatorOptions {
  /** Name of the cluster and its database. */
  readonly name: string
  readonly nodes: ReadonlyMap<number, ClusterNode>
  readonly record: RecordKeeper
  readonly followers: FollowerOptions
  readonly user: ChildUser | undefined
  readonly clock: Clock
  readonly onState: (state: ClusterState) => void
  readonly onChange: () => void
  /** Another node takes writes now. */
  readonly onPromoted: () => Promise<void>
}

const LOOK_MS = 1_000
/** While something is under way. */
const LOOK_OFTEN_MS = 200
/** How often slots on followers are moved along. */
const LOOKS_PER_CARE = 10
const PAUSE_AFTER_FAILURE_MS = 1_000

/** An operator for these nodes, of which the recorded primary runs. */
export function createClusterOperator(options: ClusterOperatorOptions): ClusterOperator {
  return new Operator(options)
}

class Operator implements ClusterOperator {
  readonly watch: PrimaryWatch
  readonly followers: Followers
  alarm: ClusterOperator['alarm']
  failovers = 0
  readonly #options: ClusterOperatorOptions
  readonly #clock: Clock
  #waitsFor: Observation['waitsFor'] = 'nobody'
  /** What did not wait for the follower that is waited for is before this. */
  #barrier: LogPosition | undefined
  /** Answers of the primary until then; the next one may have been asked for before. */
  #answersBefore = 0
  /** The server that has been told whom it waits for, and keeps the log for its followers. */
  #attached: Subprocess | undefined
  /** Whoever wants to know of a promotion has not been told yet. */
  #isPromoted = false
  #successorSilentMs = 0
  #restarts = 0
  #looks = 0
  #isCaring = false
  #woken = Promise.withResolvers<void>()
  #busy: Promise<unknown> = Promise.resolve()

  constructor(options: ClusterOperatorOptions) {
    this.#options = options
    this.#clock = options.clock
    this.watch = createPrimaryWatch(options.clock)
    const { record, user, clock } = options
    this.followers = createFollowers({
      user,
      clock,
      primary: () => (this.#isAttached ? this.primary : undefined),
      roleOf: (node) => this.#roleOf(node),
      isStreaming: (node) => this.watch.status?.followers.get(node)?.isStreaming === true,
      beforeRebuild: (node) =>
        this.exclusively(() =>
          record.change((now) => (now.synchronous === node ? { ...now, synchronous: undefined } : now)),
        ),
      onChange: () => {
        this.#woken.resolve()
        options.onChange()
      },
    })
  }

  get primary(): ClusterNode {
    return this.#node(primaryOf(this.#options.record.current))
  }

  /** Whether the recorded primary takes writes, and knows its followers. */
  get #isAttached(): boolean {
    return (
      this.#attached !== undefined && this.primary.condition === 'primary' && this.primary.server === this.#attached
    )
  }

  get isProtected(): boolean {
    return this.#options.record.current.synchronous !== undefined && this.#isAttached
  }

  bringUp(signal: AbortSignal): Promise<void> {
    const act = async (decision: Decision): Promise<void> => {
      if (decision.step !== 'restart') await this.#act(decision)
    }
    const { followers } = this
    const parts = { primary: () => this.primary, decide: () => decide(this.#observe()), followers, act }
    return bringUpPrimary({ ...this.#options, ...parts }, signal)
  }

  async run(signal: AbortSignal): Promise<void> {
    const wake = (): void => this.#woken.resolve()
    signal.addEventListener('abort', wake, { once: true })
    let next: Promise<void> | undefined
    try {
      while (!signal.aborted) {
        const decision = await this.exclusively(() => this.#step(signal))
        if (signal.aborted) return
        this.#sayAlarm(decision)
        if (decision.step !== 'none') continue
        next ??= this.#look(signal).finally(() => (next = undefined))
        await Promise.race([next, this.#woken.promise])
        this.#woken = Promise.withResolvers()
      }
    } finally {
      signal.removeEventListener('abort', wake)
      await this.followers.releaseAll()
      this.#attached = undefined
    }
  }

  async exclusively<Result>(work: () => Promise<Result>): Promise<Result> {
    const done = this.#busy.then(work, work)
    this.#busy = done.catch(() => undefined)
    return done
  }

  /** Decides once and does it. What fails is seen by the next look, after a pause. */
  async #step(signal: AbortSignal): Promise<Decision> {
    try {
      const failure = await this.#attachIfNeeded()
      const decision = decide(this.#observe())
      // A primary that can't be told anything may have to be ended, nothing else.
      if (failure !== undefined && decision.step !== 'fence') throw failure.error
      if (decision.step === 'restart') await this.#restart(decision.reason, signal)
      else await this.#act(decision)
      return decision
    } catch (error) {
      if (signal.aborted) return { step: 'none', reason: 'it is being stopped' }
      const reason = messageOf(error)
      this.#raise(reason)
      await sleep(this.#clock, PAUSE_AFTER_FAILURE_MS, signal).catch(() => undefined)
      return { step: 'none', reason }
    }
  }

  async #attachIfNeeded(): Promise<{ readonly error: unknown } | undefined> {
    if (this.primary.condition !== 'primary') return undefined
    try {
      if (!this.#isAttached) await this.#attach()
      if (this.#isPromoted) await this.#options.onPromoted()
      this.#isPromoted = false
      return undefined
    } catch (error) {
      return { error }
    }
  }

  async #act(decision: Exclude<Decision, { step: 'restart' }>): Promise<void> {
    const { record, nodes, onState } = this.#options
    switch (decision.step) {
      case 'none':
        return
      case 'fence': {
        if (decision.node === this.primary.id) this.#detach(decision.reason)
        const left = await this.#node(decision.node).fence(FENCE_MS_MAX)
        if (left.length > 0) throw stubborn(this.#node(decision.node).name, left)
        return
      }
      case 'lead':
        await this.followers.release(decision.node)
        await record.change((now) => ({
          ...now,
          primary: decision.node,
          term: termOf(now) + 1,
          synchronous: undefined,
        }))
        this.failovers++
        return
      case 'promote':
        onState({ kind: 'recovering' })
        this.watch.forget()
        await this.followers.release(decision.node)
        await this.#promote()
        this.#isPromoted = true
        return
      case 'wait-for':
      case 'wait-for-nobody': {
        const whom = decision.step === 'wait-for' ? decision.node : 'nobody'
        const names = whom === 'any' ? [...nodes.keys()].filter((id) => id !== this.primary.id) : numberOrNone(whom)
        const attached = this.#attached
        // Should it fail, nobody knows whom the primary waits for: it is told again, what the record says.
        this.#attached = undefined
        this.#barrier = await waitForOn(this.primary, names, this.#clock)
        this.#waitsFor = whom
        this.#answersBefore = this.watch.answers
        this.#attached = attached
        return
      }
      case 'record-synchronous':
        await record.change((now) => ({ ...now, synchronous: decision.node }))
        return
      case 'record-asynchronous':
        await record.change((now) => ({ ...now, synchronous: undefined }))
        return
    }
  }

  async #promote(): Promise<void> {
    const { record, name, nodes } = this.#options
    const { primary } = this
    try {
      const others = [...nodes.values()].filter((node) => node !== primary && node.condition === 'follower')
      await catchUp({ node: primary, others, role: this.#roleOf(primary.id), clock: this.#clock })
      await promote(primary, this.#clock)
    } catch (error) {
      // The record names it, so no other one is tried: it is started anew, and promoted then.
      await primary.fence(FENCE_MS_MAX)
      throw error
    }
    await recordTerm(primary.adminUrl(name), { term: termOf(record.current), node: primary.id })
  }

  /** The primary takes writes: it is told whom it waits for, keeps the log for the others, and they follow it. */
  async #attach(): Promise<void> {
    const { record, name, nodes, onState } = this.#options
    const { primary } = this
    const others = [...nodes.keys()].filter((id) => id !== primary.id)
    const whom = record.current.synchronous ?? (this.#isRequired ? 'any' : 'nobody')
    this.#barrier = await waitForOn(primary, whom === 'any' ? others : numberOrNone(whom), this.#clock, {
      isKnown: true,
    })
    this.#waitsFor = whom
    // After a crash between the promotion and this; else it is there.
    await recordTerm(primary.adminUrl(name), { term: termOf(record.current), node: primary.id })
    await withSession(primary.adminUrl('postgres'), (session) => keepSlots(session, others))
    this.#attached = primary.server
    this.#restarts = 0
    this.watch.forget()
    void primary.server?.exited.then(() => this.#woken.resolve())
    onState({ kind: 'ready' })
    for (const id of others) await this.followers.keep(this.#node(id))
  }

  /** There is no primary for now. */
  #detach(reason: string): void {
    this.#attached = undefined
    this.watch.forget()
    this.#options.onState({ kind: 'backing-off', reason, attempt: this.#restarts + 1, delayMs: 0 })
  }

  async #restart(reason: string, signal: AbortSignal): Promise<void> {
    this.#detach(reason)
    const delayMs = restartDelayMs(++this.#restarts)
    this.#options.onState({ kind: 'backing-off', reason, attempt: this.#restarts, delayMs })
    // A standby that comes up meanwhile is better than waiting.
    await Promise.race([sleep(this.#clock, delayMs, signal), this.#woken.promise])
    if (decide(this.#observe()).step !== 'restart') return
    await this.primary.start(signal, (isRecovery) =>
      this.#options.onState({ kind: isRecovery ? 'recovering' : 'starting' }),
    )
  }

  #roleOf(node: number): NodeRole {
    const { record, name, nodes } = this.#options
    const password = record.current.replicationPassword
    const { port } = this.primary
    if (password === undefined || port === undefined) throw new Error('expected the primary to have an address')
    // Whom it waits for from the moment of its promotion.
    const waitsFor = this.#isRequired ? [...nodes.keys()].filter((id) => id !== node) : []
    return { waitsFor, follows: { port, password, database: name } }
  }

  get #isRequired(): boolean {
    return this.#options.followers.isSynchronous && this.#options.followers.durability === 'required'
  }

  #observe(): Observation {
    const { record, nodes, followers } = this.#options
    const primary = this.primary.id
    return {
      primary,
      synchronous: record.current.synchronous,
      wants: { isSynchronous: followers.isSynchronous, isRequired: this.#isRequired },
      waitsFor: this.#waitsFor,
      nodes: observeNodes({
        nodes: nodes.values(),
        primary,
        watch: this.watch,
        barrier: this.watch.answers > this.#answersBefore + 1 ? this.#barrier : undefined,
        successorSilentMs: this.#successorSilentMs,
      }),
    }
  }

  /** Waits, then looks at how the nodes are. */
  async #look(signal: AbortSignal): Promise<void> {
    const isSettled =
      [...this.followers.keepers.values()].every(({ state }) => state.kind === 'following') &&
      (this.isProtected || !this.#options.followers.isSynchronous)
    await sleep(this.#clock, isSettled ? LOOK_MS : LOOK_OFTEN_MS, signal).catch(() => undefined)
    const { primary } = this
    if (signal.aborted || primary.condition !== 'primary') return
    await this.watch.ask(primary)
    const { synchronous } = this.#options.record.current
    // Whoever can't answer either says that the machine is busy.
    const successor = synchronous === undefined ? undefined : this.#node(synchronous)
    const isSilent = this.watch.silentMs() > 0 && successor?.condition === 'follower'
    const answers = isSilent ? await statusOf(successor, this.#clock).then(yes, no) : true
    this.#successorSilentMs = answers ? 0 : this.#successorSilentMs + LOOK_MS
    if (isSettled && ++this.#looks % LOOKS_PER_CARE === 1) void this.#careForSlots()
    this.#options.onChange()
  }

  async #careForSlots(): Promise<void> {
    const followers = [...this.followers.keepers.values()].map(({ node }) => node)
    const all = [...this.#options.nodes.keys()]
    if (this.#isCaring) return
    this.#isCaring = true
    // A node that has just gone is seen by others; without slots, a follower may have to be copied anew.
    await keepSlotsOnFollowers(this.primary, followers, all).catch(() => undefined)
    this.#isCaring = false
  }

  #sayAlarm(decision: Decision): void {
    const answers = this.#isAttached && this.watch.silentMs() < LOOK_MS
    const isWell = decision.step === 'none' && decision.isWell === true
    if (!answers) this.#raise(isWell ? 'the primary does not answer' : decision.reason)
    else if (!isWell) this.#raise(`no standby has all writes: ${decision.reason}`)
    else if (this.alarm !== undefined) {
      this.alarm = undefined
      this.#options.onChange()
    }
  }

  #raise(reason: string): void {
    if (this.alarm?.reason === reason) return
    this.alarm = { reason, sinceEpochMs: this.alarm?.sinceEpochMs ?? this.#clock.epochMs() }
    this.#options.onChange()
  }

  #node(id: number): ClusterNode {
    const node = this.#options.nodes.get(id)
    if (node === undefined) throw new Error(`expected node ${id} to be one of ${this.#options.name}`)
    return node
  }
}

const yes = (): boolean => true
const no = (): boolean => false

function numberOrNone(whom: 'nobody' | 'any' | number): readonly number[] {
  return typeof whom === 'number' ? [whom] : []
}
