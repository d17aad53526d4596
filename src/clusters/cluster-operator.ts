import type { ChildUser } from '../core/child-user.ts'
import type { Clock } from '../core/clock.ts'
import { sleep } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import type { AlarmKeeper } from './alarm-keeper.ts'
import { createAlarmKeeper } from './alarm-keeper.ts'
import type { Decision, Observation } from './arbiter.ts'
import { decide } from './arbiter.ts'
import { FENCE_MS_MAX, bringUpPrimary, stubborn } from './bring-up.ts'
import { catchUp } from './catch-up.ts'
import type { ClusterOptions, FollowerOptions } from './cluster-options.ts'
import type { CommitWait } from './commit-wait.ts'
import { createCommitWait } from './commit-wait.ts'
import type { ClusterAlarm, ClusterState } from './cluster-state.ts'
import type { Followers } from './followers.ts'
import { createFollowers } from './followers.ts'
import { restartDelayMs } from './keep-running.ts'
import type { Subprocess } from '../core/subprocess.ts'
import type { Lookout } from './lookout.ts'
import { createLookout, LOOK_MS } from './lookout.ts'
import type { ClusterNode } from './node.ts'
import type { NodeRole } from './node-role.ts'
import type { PrimaryWatch } from './primary-watch.ts'
import { createPrimaryWatch } from './primary-watch.ts'
import { observeNodes } from './observe-nodes.ts'
import { promote } from './promotion.ts'
import type { RecordKeeper } from './record-keeper.ts'
import { primaryOf, termOf } from './record-keeper.ts'
import { keepSlots } from './slots.ts'
import { withSession } from './set-up-session.ts'
import { recordTerm } from './term-table.ts'

/** Runs the nodes of a cluster: takes the steps that the arbiter names. */
export interface ClusterOperator {
  readonly primary: ClusterNode
  /** What is wrong with the protection of writes, and since when (epoch ms). */
  readonly alarm: ClusterAlarm | undefined
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
  readonly linkPort?: ClusterOptions['linkPort']
  readonly onState: (state: ClusterState) => void
  readonly onChange: () => void
  /** Another node takes writes now. */
  readonly onPromoted: () => Promise<void>
}

const PAUSE_AFTER_FAILURE_MS = 1_000
/**
 * A node that takes over may use the whole machine for so long, as one that starts may: all who write wait for it, and
 * then all of them connect to it at once. A limit is for what a node does every day.
 */
const TAKEOVER_MS = 3_000

/** An operator for these nodes, of which the recorded primary runs. */
export function createClusterOperator(options: ClusterOperatorOptions): ClusterOperator {
  return new Operator(options)
}

class Operator implements ClusterOperator {
  readonly watch: PrimaryWatch
  readonly followers: Followers
  failovers = 0
  readonly #options: ClusterOperatorOptions
  readonly #clock: Clock
  readonly #commitWait: CommitWait
  readonly #lookout: Lookout
  readonly #alarms: AlarmKeeper
  /** The server that has been told whom it waits for, and keeps the log for its followers. */
  #attached: Subprocess | undefined
  /** Whoever wants to know of a promotion has not been told yet. */
  #isPromoted = false
  #restarts = 0
  #woken = Promise.withResolvers<void>()
  #busy: Promise<unknown> = Promise.resolve()

  constructor(options: ClusterOperatorOptions) {
    this.#options = options
    this.#clock = options.clock
    this.watch = createPrimaryWatch(options.clock)
    this.#commitWait = createCommitWait(this.watch, options.clock)
    this.#lookout = createLookout(this.watch, options.clock)
    this.#alarms = createAlarmKeeper(options.clock, options.onChange)
    const { record, user, clock } = options
    this.followers = createFollowers({
      user,
      clock,
      primary: () => (this.#isAttached ? this.primary : undefined),
      roleOf: (node) => this.#roleOf(node),
      isStreaming: (node) => this.watch.status?.followers.get(node)?.isStreaming === true,
      flushed: (node) => this.watch.status?.followers.get(node)?.flushed,
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

  get alarm(): ClusterAlarm | undefined {
    return this.#alarms.alarm
  }

  get primary(): ClusterNode {
    return this.#node(primaryOf(this.#options.record.current))
  }

  /** Ids of the other nodes. */
  get #others(): readonly number[] {
    return [...this.#options.nodes.keys()].filter((id) => id !== this.primary.id)
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
        const answers = this.#isAttached && this.watch.silentMs() < LOOK_MS
        this.#alarms.judge(decision, { answers, stalledMs: this.watch.stalledMs() })
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
      this.#alarms.raise(reason)
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
    const { record, onState } = this.#options
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
        this.primary.liftLimits(TAKEOVER_MS)
        await this.#promote()
        this.#isPromoted = true
        return
      case 'wait-for':
      case 'wait-for-nobody': {
        const whom = decision.step === 'wait-for' ? decision.node : 'nobody'
        const attached = this.#attached
        // Should it fail, nobody knows whom the primary waits for: it is told again, what the record says.
        this.#attached = undefined
        await this.#commitWait.change(this.primary, whom, this.#others)
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
      const roleAfter = (other: ClusterNode): NodeRole => this.#roleOf(primary.id, other)
      await catchUp({ node: primary, others, roleAfter, clock: this.#clock })
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
    const { record, name, onState } = this.#options
    const { primary } = this
    const others = this.#others
    await this.#commitWait.confirm(primary, record.current.synchronous ?? (this.#isRequired ? 'any' : 'nobody'), others)
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

  #roleOf(node: number, upstream: ClusterNode = this.primary): NodeRole {
    const { record, name, nodes, linkPort } = this.#options
    const password = record.current.replicationPassword
    const port = linkPort?.(node, upstream.id) ?? upstream.port
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
      waitsFor: this.#commitWait.whom,
      nodes: observeNodes({
        nodes: nodes.values(),
        primary,
        watch: this.watch,
        barrier: this.#commitWait.barrier,
        successorSilentMs: this.#lookout.successorSilentMs,
      }),
    }
  }

  /** Waits, then looks at how the nodes are. */
  async #look(signal: AbortSignal): Promise<void> {
    const isSettled =
      [...this.followers.keepers.values()].every(({ state }) => state.kind === 'following') &&
      (this.isProtected || !this.#options.followers.isSynchronous)
    const { record, nodes, onChange } = this.#options
    const successor = (): ClusterNode | undefined => nodes.get(record.current.synchronous ?? 0)
    const followers = (): readonly ClusterNode[] => [...this.followers.keepers.values()].map(({ node }) => node)
    const scene = { isSettled, primary: () => this.primary, successor, followers, all: [...nodes.keys()] }
    if (await this.#lookout.look(scene, signal)) onChange()
  }

  #node(id: number): ClusterNode {
    const node = this.#options.nodes.get(id)
    if (node === undefined) throw new Error(`expected node ${id} to be one of ${this.#options.name}`)
    return node
  }
}
