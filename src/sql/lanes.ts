import diagnostics from 'node:diagnostics_channel'
import type { Clock } from '../core/clock.ts'
import { hasCode } from '../core/errors.ts'
import type { Session, SqlResult } from './session.ts'
import { isServerError, isTransientConnectFailure } from './sql-failure.ts'
import { statementKind } from './statement-kind.ts'

/** Where events of every lane of this process are published. */
export const LANE_CHANNEL = 'tenfold:sql:lane'

/** Published on `LANE_CHANNEL` for each statement that a lane has answered or handed on. */
export interface LaneEvent {
  readonly database: string
  /** `handed-on`: it goes to the pool, because it takes long, writes, or the lane was lost. */
  readonly event: 'answered' | 'handed-on'
  /** From sending to the answer, those before it on the lane included. */
  readonly durationMs: number
  /** Statements under way on all lanes, without this one. */
  readonly inFlight: number
}

/** Limits of the lanes; every one is required because `node-link.ts` is where they get their values. */
export interface LanesOptions {
  readonly database: string
  readonly count: number
  readonly clock: Clock
  /** Whether a statement that goes elsewhere would run at once. */
  isElsewhereFree(): boolean
  /** A session that takes only reads, one statement a text, and ends each after `LANE_LIMIT_MS`. */
  open(): Promise<Session>
}

/**
 * A few connections that many callers share for short reads: each statement is sent at once, behind those that are under
 * way, so that the time on the wire is not waited for.
 */
export interface Lanes {
  /**
   * Runs a short read, or gives undefined for a statement that has to run elsewhere; nothing has happened then.
   *
   * @throws the server's error, SQLSTATE in `code`
   */
  query<Row>(text: string, values?: readonly unknown[]): Promise<SqlResult<Row> | undefined>
  readonly inFlight: number
  /** Ends every lane; what was under way runs elsewhere. The next statement opens new ones, so many at most. */
  renew(change: { count: number; reason: string }): void
  /** Waits for what is under way, then closes. */
  end(): Promise<void>
}

/** A statement that takes longer is ended by the server and run on the pool, so that it does not hold up others. */
export const LANE_LIMIT_MS = 200
/** A lane that has not answered for this long gets nothing more, unless all would only wait elsewhere. */
const STALL_MS = 25
/** Statements under way on a lane. */
const IN_FLIGHT_MAX = 256
/** After a failure to open a lane the pool does the work for this long. */
const REOPEN_PAUSE_MS = 250
/** The same where the server refuses what a lane needs, as some poolers do. */
const REFUSED_PAUSE_MS = 60_000
/** Statements that had to leave a lane go past it for this long; so many are remembered. */
const AVOID_MS = 60_000
const AVOIDED_MAX = 256

const channel = diagnostics.channel(LANE_CHANNEL)

/** Makes lanes; each is opened when it is first needed. */
export function createLanes(options: LanesOptions): Lanes {
  return new SharedLanes(options)
}

interface Lane {
  session: Session | undefined
  opening: Promise<void> | undefined
  inFlight: number
  /** When the statement at the head began to run, as far as can be seen from here. */
  headSinceMs: number
}

function closedLanes(count: number): readonly Lane[] {
  return Array.from({ length: count }, () => ({ session: undefined, opening: undefined, inFlight: 0, headSinceMs: 0 }))
}

class SharedLanes implements Lanes {
  readonly #options: LanesOptions
  #lanes: readonly Lane[]
  /** Texts that are no short reads, and until when they are not tried again. */
  readonly #avoided = new Map<string, number>()
  #openAfterMs = Number.NEGATIVE_INFINITY
  #isEnding = false
  readonly #drained = Promise.withResolvers<void>()

  constructor(options: LanesOptions) {
    this.#options = options
    this.#lanes = closedLanes(options.count)
  }

  get inFlight(): number {
    return this.#lanes.reduce((sum, { inFlight }) => sum + inFlight, 0)
  }

  async query<Row>(text: string, values?: readonly unknown[]): Promise<SqlResult<Row> | undefined> {
    if (this.#isEnding || !statementKind(text).isPlainRead || this.#isAvoided(text)) return undefined
    let lane = this.#choose()
    if (lane === undefined) return undefined
    if (lane.session === undefined) {
      const opening = (lane.opening ??= this.#open(lane))
      // To open one takes longer than what is under way on another. Then, others may have filled it meanwhile.
      lane = this.#choose({ isOpen: true })
      if (lane === undefined) {
        await opening
        lane = this.#choose({ isOpen: true })
      }
    }
    return lane?.session === undefined ? undefined : this.#run(lane, lane.session, text, values)
  }

  renew({ count, reason }: { count: number; reason: string }): void {
    const old = this.#lanes
    this.#lanes = closedLanes(count)
    this.#openAfterMs = Number.NEGATIVE_INFINITY
    for (const lane of old) lane.session?.cut(reason)
  }

  async end(): Promise<void> {
    this.#isEnding = true
    await Promise.all(this.#lanes.map((lane) => lane.opening))
    if (this.inFlight > 0) await this.#drained.promise
    await Promise.all(this.#lanes.map((lane) => lane.session?.close()))
  }

  /** The lane with the least under way; one that is not open yet counts as if it had something. */
  #choose(of?: { readonly isOpen: true }): Lane | undefined {
    const nowMs = this.#options.clock.nowMs()
    let best: Lane | undefined
    let bestLoad = Infinity
    let isBestStalled = false
    for (const lane of this.#lanes) {
      const isOpen = lane.session !== undefined
      if (!isOpen && (of?.isOpen === true || nowMs < this.#openAfterMs)) continue
      const isStalled = lane.inFlight > 0 && nowMs - lane.headSinceMs > STALL_MS
      // One that has stalled is worse than any other.
      const load = (isOpen ? lane.inFlight : 0.5) + (isStalled ? IN_FLIGHT_MAX : 0)
      if (lane.inFlight >= IN_FLIGHT_MAX || load >= bestLoad) continue
      best = lane
      bestLoad = load
      isBestStalled = isStalled
    }
    // The statement at its head has LANE_LIMIT_MS at most; who holds a connection of the pool, no limit.
    return isBestStalled && this.#options.isElsewhereFree() ? undefined : best
  }

  async #open(lane: Lane): Promise<void> {
    try {
      const session = await this.#options.open()
      session.onLost(() => {
        if (lane.session === session) lane.session = undefined
      })
      // While it was opening the address may have changed.
      if (!this.#lanes.includes(lane)) session.cut('the address has changed')
      else if (!session.isLost) lane.session = session
    } catch (error) {
      // The pool opens its own and tells what is wrong.
      const pauseMs = isTransientConnectFailure(error) ? REOPEN_PAUSE_MS : REFUSED_PAUSE_MS
      this.#openAfterMs = this.#options.clock.nowMs() + pauseMs
    } finally {
      lane.opening = undefined
    }
  }

  async #run<Row>(
    lane: Lane,
    session: Session,
    text: string,
    values: readonly unknown[] | undefined,
  ): Promise<SqlResult<Row> | undefined> {
    const { clock } = this.#options
    const sentMs = clock.nowMs()
    if (lane.inFlight++ === 0) lane.headSinceMs = sentMs
    try {
      const result = await session.query<Row>(text, values)
      this.#publish('answered', clock.nowMs() - sentMs)
      return result
    } catch (error) {
      const nowMs = clock.nowMs()
      if (!this.#isForElsewhere(error, text, nowMs - lane.headSinceMs)) throw error
      this.#publish('handed-on', nowMs - sentMs)
      return undefined
    } finally {
      lane.inFlight--
      lane.headSinceMs = clock.nowMs()
      if (this.#isEnding && this.inFlight === 0) this.#drained.resolve()
    }
  }

  /** Whether a statement that failed here may do well on the pool. It had no effect: everything here is a read. */
  #isForElsewhere(error: unknown, text: string, ranMs: number): boolean {
    if (hasCode(error, 'TF_CONNECTION_LOST')) return true
    if (!isServerError(error)) return false
    // 25006: it writes after all. 57014: it took longer than the limit, or somebody has cancelled it.
    const isMisplaced = error.code === '25006' || (error.code === '57014' && ranMs >= LANE_LIMIT_MS * 0.9)
    if (isMisplaced) this.#avoid(text)
    return isMisplaced
  }

  #avoid(text: string): void {
    if (this.#avoided.size >= AVOIDED_MAX) this.#avoided.delete(this.#avoided.keys().next().value as string)
    this.#avoided.set(text, this.#options.clock.nowMs() + AVOID_MS)
  }

  #isAvoided(text: string): boolean {
    if (this.#avoided.size === 0) return false
    const untilMs = this.#avoided.get(text)
    if (untilMs === undefined) return false
    if (this.#options.clock.nowMs() < untilMs) return true
    this.#avoided.delete(text)
    return false
  }

  #publish(event: LaneEvent['event'], durationMs: number): void {
    if (!channel.hasSubscribers) return
    const { database } = this.#options
    channel.publish({ database, event, durationMs, inFlight: this.inFlight - 1 } satisfies LaneEvent)
  }
}
