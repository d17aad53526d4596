import type { ChildUser } from '../core/child-user.ts'
import type { Clock } from '../core/clock.ts'
import { sleep } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import { cloneNode, removeUnfinishedClones } from './clone.ts'
import { restartDelayMs } from './keep-running.ts'
import type { LogPosition } from '../sql/log-position.ts'
import type { ClusterNode } from './node.ts'
import type { NodeRole } from './node-role.ts'
import { readLogTail, sizeOf } from './start-failure.ts'

/** What a follower is doing. */
export type FollowerState =
  | { readonly kind: 'starting' }
  /** Its data directory is copied from the primary's. */
  | { readonly kind: 'cloning'; readonly share: number; readonly reason: string }
  | { readonly kind: 'following' }
  /** It runs, and does not get the log. */
  | { readonly kind: 'waiting'; readonly reason: string }
  | { readonly kind: 'backing-off'; readonly reason: string; readonly delayMs: number }

/** Keeps one node following whoever is the primary. */
export interface FollowerKeeper {
  readonly node: ClusterNode
  readonly state: FollowerState
  /** Keeps it no more; its server runs on. */
  release(): Promise<void>
}

/** @see keepFollower */
export interface FollowerOptions {
  readonly node: ClusterNode
  readonly user: ChildUser | undefined
  readonly clock: Clock
  /** What it is told now. */
  role(): NodeRole
  /** The primary while it takes writes and keeps the log for this node; undefined: there is none. */
  primary(): ClusterNode | undefined
  /** Whether the primary sends it the log as it is written. */
  isStreaming(): boolean
  /** How far it has the log on its disk, as the primary knows; undefined while nobody knows. */
  flushed(): LogPosition | undefined
  /** Nobody counts on its data any more when this resolves. */
  beforeRebuild(signal: AbortSignal): Promise<void>
  onChange(): void
}

const LOOK_MS = 100
/** How long a follower may get nothing of the log, while there is a primary that answers, until it is copied anew. */
const DEAF_MS_MAX = 15_000
/** What a follower says when its log has gone another way than the primary's, or the primary's begins too late. */
const HOPELESS =
  /forked off current database system timeline|requested starting point .* is ahead of|has already been removed|not in this server's history|can no longer (get changes|access)|database system identifier differs/

/**
 * Brings a node up as a follower and keeps it one: what was a primary before is tried as it is, and copied anew when its
 * log has gone another way. What fails is tried again, with growing pauses, until it is released.
 */
export function keepFollower(options: FollowerOptions): FollowerKeeper {
  return new Keeper(options)
}

class Keeper implements FollowerKeeper {
  readonly node: ClusterNode
  readonly #options: FollowerOptions
  readonly #abort = new AbortController()
  readonly #ended: Promise<void>
  #state: FollowerState = { kind: 'starting' }
  #mustRebuild: string | undefined
  #logStart = 0

  constructor(options: FollowerOptions) {
    this.node = options.node
    this.#options = options
    this.#ended = this.#keep()
  }

  get state(): FollowerState {
    return this.#state
  }

  async release(): Promise<void> {
    this.#abort.abort()
    await this.#ended
  }

  async #keep(): Promise<void> {
    const { signal } = this.#abort
    const { clock } = this.#options
    for (let attempt = 1; !signal.aborted; attempt++) {
      try {
        await this.#bringUp(signal)
        await this.#watch(signal, () => (attempt = 0))
      } catch (error) {
        if (signal.aborted) return
        const delayMs = restartDelayMs(attempt)
        this.#become({ kind: 'backing-off', reason: messageOf(error), delayMs })
        await sleep(clock, delayMs, signal).catch(() => undefined)
      }
    }
  }

  async #bringUp(signal: AbortSignal): Promise<void> {
    const { node } = this
    await removeUnfinishedClones(node.paths)
    if (!(await node.hasData())) this.#mustRebuild ??= 'it has no data yet'
    if (this.#mustRebuild !== undefined) await this.#rebuild(this.#mustRebuild, signal)
    this.#become({ kind: 'starting' })
    this.#logStart = await sizeOf(node.logFile)
    // It runs, and may follow somebody else.
    if (node.server !== undefined) return node.tell(this.#options.role())
    // An old primary whose processes were never seen dead: it must not be taken over as a follower.
    if (!(await node.isFollower())) await this.#fenced()
    await node.becomeFollower()
    await node.tell(this.#options.role())
    await this.#start(signal)
    // It may have been adopted, with what it was told before.
    await node.tell(this.#options.role())
  }

  async #rebuild(reason: string, signal: AbortSignal): Promise<void> {
    const { node } = this
    const { user, clock } = this.#options
    this.#become({ kind: 'cloning', share: 0, reason })
    // Dead first: what does not run is not counted on again.
    await this.#fenced()
    await this.#options.beforeRebuild(signal)
    let primary: ClusterNode | undefined
    while ((primary = this.#options.primary()) === undefined) await sleep(clock, LOOK_MS, signal)
    let tenths = 0
    await cloneNode({
      from: { dataDirectory: primary.paths.data, url: primary.adminUrl('postgres') },
      to: node.paths,
      user,
      signal,
      onProgress: ({ doneBytes, totalBytes }) => {
        // A person is told, in tenths.
        const now = Math.min(10, Math.floor((10 * doneBytes) / Math.max(1, totalBytes)))
        if (now > tenths) this.#become({ kind: 'cloning', share: (tenths = now) / 10, reason })
      },
    })
    this.#mustRebuild = undefined
  }

  /** A server whose log has gone another way before it was consistent would be waited for in vain. */
  async #start(signal: AbortSignal): Promise<void> {
    const giveUp = new AbortController()
    const hasEnded = new AbortController()
    const starting = this.node.start(AbortSignal.any([signal, giveUp.signal])).finally(() => hasEnded.abort())
    void this.#giveUpIfHopeless(giveUp, hasEnded.signal)
    await starting
  }

  async #giveUpIfHopeless(giveUp: AbortController, hasEnded: AbortSignal): Promise<void> {
    while (!hasEnded.aborted) {
      await sleep(this.#options.clock, LOOK_MS, hasEnded).catch(() => undefined)
      const said = this.#options.primary() === undefined ? undefined : await this.#hopelessLine()
      if (hasEnded.aborted || said === undefined) continue
      this.#mustRebuild = said
      giveUp.abort(new Error(said))
      return
    }
  }

  /** Until its server ends, or it has to be copied anew. */
  async #watch(signal: AbortSignal, onWell: () => void): Promise<void> {
    const { clock } = this.#options
    let deafMs = 0
    let furthest = 0n
    for (;;) {
      if (this.node.server === undefined) throw new Error('the server ended')
      if (this.#options.isStreaming()) {
        deafMs = 0
        onWell()
        this.#become({ kind: 'following' })
      } else {
        const hasPrimary = this.#options.primary() !== undefined
        const flushed = this.#options.flushed() ?? 0n
        // However much it has to get, as long as it gets something; a copy would have to get as much.
        if (flushed > furthest) deafMs = 0
        else if (hasPrimary) deafMs += LOOK_MS
        furthest = flushed > furthest ? flushed : furthest
        const got = furthest === 0n ? 'it does not get the log' : 'it is catching up'
        this.#become({ kind: 'waiting', reason: hasPrimary ? got : 'there is no primary' })
        const said = hasPrimary ? await this.#hopelessLine() : undefined
        if (said !== undefined || deafMs >= DEAF_MS_MAX) {
          this.#mustRebuild = said ?? `it has not got the log for ${DEAF_MS_MAX / 1_000} s`
          throw new Error(this.#mustRebuild)
        }
      }
      await sleep(clock, LOOK_MS, signal)
    }
  }

  async #hopelessLine(): Promise<string | undefined> {
    const lines = await readLogTail(this.node.logFile, this.#logStart).catch(() => [])
    const line = lines.find((text) => HOPELESS.test(text))
    return line?.replace(/^.*?(?:FATAL|ERROR|LOG):\s*/, '')
  }

  async #fenced(): Promise<void> {
    const left = await this.node.fence(10_000)
    if (left.length > 0) throw new Error(`expected its server to end, but processes ${left.join(', ')} do not`)
  }

  #become(state: FollowerState): void {
    if (JSON.stringify(state) === JSON.stringify(this.#state)) return
    this.#state = state
    this.#options.onChange()
  }
}
