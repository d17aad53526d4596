import diagnostics from 'node:diagnostics_channel'
import type { Cancel, Clock } from '../core/clock.ts'
import type { TenfoldError } from '../core/errors.ts'
import type { PoolEvent } from './pool-event.ts'
import { POOL_CHANNEL } from './pool-event.ts'
import { databaseClosed, databaseUnreachable, poolExhausted } from './pool-errors.ts'
import type { Session } from './session.ts'
import { RESET } from './session.ts'
import type { SessionOpener } from './session-opener.ts'
import { createSessionOpener } from './session-opener.ts'

/** Connections of a pool at one moment. */
export interface PoolStats {
  /** Open or opening; never above `connectionsMax`. */
  readonly size: number
  readonly busy: number
  readonly idle: number
  /** Callers in the queue for a connection. */
  readonly waiting: number
}

/** Limits of a pool; every one is required because `database.ts` is where they get their defaults. */
export interface PoolOptions {
  /** Name for errors and events. */
  readonly database: string
  readonly connectionsMax: number
  readonly waitingMax: number
  /** How long a caller queues, or retries to connect, before it is told no. */
  readonly acquireTimeoutMs: number
  /** Idle connections are closed after this long. */
  readonly idleTimeoutMs: number
  readonly clock: Clock
  open(): Promise<Session>
}

/** A bounded set of connections with a bounded queue. */
export interface ConnectionPool {
  /**
   * A connection for exclusive use until `release`.
   *
   * @throws TF_POOL_EXHAUSTED the queue is full, or no connection came free in time
   * @throws TF_DATABASE_UNREACHABLE no connection could be opened in time
   * @throws TF_DATABASE_CLOSED after `end`
   */
  acquire(): Promise<Session>
  /** Gives a connection back; one that is lost, or in an unknown state (`discard`), is closed. */
  release(session: Session, options?: { discard?: boolean }): void
  stats(): PoolStats
  /** Whether `acquire` would not have to queue now. */
  readonly isFree: boolean
  /**
   * From now on `open` leads elsewhere, or so many connections are allowed. Idle connections are closed at once; busy
   * ones when they come back, or at once where a reason to cut them is given. Whoever waits goes on waiting, for the new.
   */
  renew(change: { connectionsMax: number; cutReason?: string | undefined }): void
  /** Refuses new callers, waits for the busy connections to come back, and closes all. */
  end(): Promise<void>
}

/** An idle connection that was silent this long is asked whether it lives before a request is trusted to it. */
const VERIFY_AFTER_MS = 1_000

const channel = diagnostics.channel(POOL_CHANNEL)

/** Makes an empty pool; connections are opened when they are first needed, and reused last in, first out. */
export function createConnectionPool(options: PoolOptions): ConnectionPool {
  return new Pool(options)
}

interface IdleSession {
  readonly session: Session
  readonly sinceMs: number
}

interface Waiter {
  give(session: Session): void
  fail(error: TenfoldError): void
}

class Pool implements ConnectionPool {
  readonly #options: PoolOptions
  readonly #idle: IdleSession[] = []
  readonly #waiters: Waiter[] = []
  readonly #opener: SessionOpener
  #isOpening = false
  /** Of the open ones and the one that is being opened. */
  #size = 0
  #isEnding = false
  #connectionsMax: number
  /** Those that are open, and since when the busy ones are busy. */
  readonly #open = new Map<Session, number>()
  /** When one connection is lost, those that were idle then are not trusted either. */
  #lastLossMs = Number.NEGATIVE_INFINITY
  #cancelSweep: Cancel | undefined
  #emptied = Promise.withResolvers<void>()

  constructor(options: PoolOptions) {
    this.#options = options
    this.#connectionsMax = options.connectionsMax
    this.#opener = createSessionOpener(() => options.open(), options.clock)
  }

  async acquire(): Promise<Session> {
    for (;;) {
      if (this.#isEnding) throw this.#closed()
      const idle = this.#idle.pop()
      if (idle === undefined) break
      if (await this.#isUsable(idle)) return this.#lend(idle.session)
      this.#drop(idle.session)
    }
    return this.#lend(await this.#wait())
  }

  release(session: Session, options: { discard?: boolean } = {}): void {
    const lentMs = this.#open.get(session)
    if (lentMs !== undefined) this.#publish('released', this.#options.clock.nowMs() - lentMs)
    const isKept = !session.isLost && options.discard !== true && lentMs !== undefined
    if (!isKept || this.#isEnding || this.#size > this.#connectionsMax) this.#drop(session)
    else if (session.isChanged) void this.#reset(session)
    else this.#take(session)
  }

  renew(change: { connectionsMax: number; cutReason?: string | undefined }): void {
    this.#connectionsMax = change.connectionsMax
    for (const { session } of this.#idle.splice(0)) this.#drop(session)
    if (change.cutReason !== undefined) for (const session of this.#open.keys()) session.cut(change.cutReason)
    this.#open.clear()
    this.#opener.renew()
    this.#grow()
  }

  get isFree(): boolean {
    return this.#idle.length > 0 || (this.#waiters.length === 0 && this.#size < this.#connectionsMax)
  }

  stats(): PoolStats {
    const idle = this.#idle.length
    return { size: this.#size, busy: this.#size - idle, idle, waiting: this.#waiters.length }
  }

  async end(): Promise<void> {
    this.#isEnding = true
    this.#cancelSweep?.()
    for (const waiter of this.#waiters.splice(0)) waiter.fail(this.#closed())
    this.#opener.renew()
    for (const { session } of this.#idle.splice(0)) this.#drop(session)
    if (this.#size === 0) this.#emptied.resolve()
    await this.#emptied.promise
  }

  #lend(session: Session): Session {
    // One that was given up by `renew` meanwhile is used once more, and closed when it comes back.
    if (this.#open.has(session)) this.#open.set(session, this.#options.clock.nowMs())
    return session
  }

  /** What one borrower has set must not reach the next. */
  async #reset(session: Session): Promise<void> {
    const isDone = await session.ask(RESET).then(
      () => true,
      () => false,
    )
    if (isDone && this.#open.has(session) && !this.#isEnding) this.#take(session)
    else this.#drop(session)
  }

  /** Hands a connection to whoever waits, or keeps it. */
  #take(session: Session): void {
    const waiter = this.#waiters.shift()
    if (waiter !== undefined) {
      waiter.give(session)
      return
    }
    this.#idle.push({ session, sinceMs: this.#options.clock.nowMs() })
    this.#cancelSweep ??= this.#options.clock.every(this.#options.idleTimeoutMs / 2, () => this.#sweep(), {
      unref: true,
    })
  }

  async #isUsable(idle: IdleSession): Promise<boolean> {
    if (idle.session.isLost) return false
    const isRecent = this.#options.clock.nowMs() - idle.sinceMs < VERIFY_AFTER_MS
    if (isRecent && idle.sinceMs > this.#lastLossMs) return true
    return idle.session.ask('').then(
      () => true,
      () => false,
    )
  }

  /**
   * Opens a connection if anybody waits and there is room; one at a time. To open one costs a server as much as a dozen
   * short statements: were one opened for every caller that finds none, a server that is slow for a moment, as one that
   * has just taken over, would have nothing else to do. Most callers are served earlier, by one that comes back.
   */
  #grow(): void {
    const isWanted = (): boolean => !this.#isEnding && this.#waiters.length > 0
    if (this.#isOpening || this.#size >= this.#connectionsMax || !isWanted()) return
    this.#size++
    this.#isOpening = true
    void this.#openOne(isWanted)
  }

  async #openOne(isWanted: () => boolean): Promise<void> {
    const session = await this.#opener.open(isWanted).catch((error: unknown) => {
      this.#waiters.shift()?.fail(databaseUnreachable(this.#options.database, error))
    })
    this.#isOpening = false
    if (session === undefined) {
      this.#freePlace()
      return
    }
    session.onLost(() => this.#onLost(session))
    this.#open.set(session, this.#options.clock.nowMs())
    this.#publish('opened')
    if (this.#isEnding || this.#size > this.#connectionsMax) this.#drop(session)
    else this.#take(session)
    this.#grow()
  }

  async #wait(): Promise<Session> {
    const { clock, acquireTimeoutMs, waitingMax } = this.#options
    const startMs = clock.nowMs()
    // Whoever a connection can still be opened for is not in the queue.
    const room = Math.max(0, this.#connectionsMax - this.#openCount)
    if (this.#waiters.length >= waitingMax + room) throw this.#exhausted(0)
    const { promise, resolve, reject } = Promise.withResolvers<Session>()
    const waiter = { give: resolve, fail: reject }
    const cancel = clock.schedule(acquireTimeoutMs, () => {
      const at = this.#waiters.indexOf(waiter)
      if (at < 0) return
      this.#waiters.splice(at, 1)
      reject(this.#tooLate(clock.nowMs() - startMs))
    })
    this.#waiters.push(waiter)
    this.#grow()
    try {
      const session = await promise
      this.#publish('waited', clock.nowMs() - startMs)
      return session
    } finally {
      cancel()
    }
  }

  #onLost(session: Session): void {
    this.#lastLossMs = this.#options.clock.nowMs()
    const at = this.#idle.findIndex((idle) => idle.session === session)
    this.#publish('lost')
    // A busy one is dropped when its borrower gives it back.
    if (at >= 0) this.#drop((this.#idle.splice(at, 1)[0] as IdleSession).session)
  }

  #drop(session: Session): void {
    this.#open.delete(session)
    void session.close()
    this.#freePlace()
  }

  #freePlace(): void {
    this.#size--
    if (this.#isEnding && this.#size === 0) this.#emptied.resolve()
    this.#grow()
  }

  #sweep(): void {
    const oldestMs = this.#options.clock.nowMs() - this.#options.idleTimeoutMs
    while (this.#idle[0] !== undefined && this.#idle[0].sinceMs <= oldestMs) {
      this.#drop((this.#idle.shift() as IdleSession).session)
    }
  }

  #publish(event: PoolEvent['event'], waitMs = 0): void {
    if (!channel.hasSubscribers) return
    channel.publish({ database: this.#options.database, event, waitMs, ...this.stats() } satisfies PoolEvent)
  }

  get #openCount(): number {
    return this.#size - Number(this.#isOpening)
  }

  /** The error for whoever has waited as long as it may: it says so if there is no server rather than no connection. */
  #tooLate(waitMs: number): TenfoldError {
    const { failure } = this.#opener
    if (failure === undefined && this.#openCount > 0) return this.#exhausted(waitMs)
    const cause = failure ?? new Error(`no answer within ${Math.round(waitMs)} ms`)
    return databaseUnreachable(this.#options.database, cause)
  }

  #exhausted(waitMs: number): TenfoldError {
    this.#publish('exhausted', waitMs)
    const { database } = this.#options
    return poolExhausted({ database, connectionsMax: this.#connectionsMax, waitMs, ...this.stats() })
  }

  #closed(): TenfoldError {
    return databaseClosed(this.#options.database)
  }
}
