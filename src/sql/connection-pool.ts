import diagnostics from 'node:diagnostics_channel'
import type { Cancel, Clock } from '../core/clock.ts'
import { sleep } from '../core/clock.ts'
import { TenfoldError, messageOf } from '../core/errors.ts'
import type { Session } from './session.ts'
import { isTransientConnectFailure } from './sql-failure.ts'

/** Connections of a pool at one moment. */
export interface PoolStats {
  /** Open or opening; never above `connectionsMax`. */
  readonly size: number
  readonly busy: number
  readonly idle: number
  /** Callers in the queue for a connection. */
  readonly waiting: number
}

/** Published on the channel `tenfold:sql:pool`. */
export interface PoolEvent extends PoolStats {
  readonly database: string
  /** `waited`: a caller had to queue; `exhausted`: it gave up; `opened`, `lost`: of connections. */
  readonly event: 'waited' | 'exhausted' | 'opened' | 'lost'
  /** How long the caller queued, for `waited` and `exhausted`. */
  readonly waitMs: number
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
  /** Refuses new callers, waits for the busy connections to come back, and closes all. */
  end(): Promise<void>
}

/** An idle connection that was silent this long is asked whether it lives before a request is trusted to it. */
const VERIFY_AFTER_MS = 1_000
const CONNECT_RETRY_MS = [20, 50, 100, 200, 400] as const

const channel = diagnostics.channel('tenfold:sql:pool')

/** Makes an empty pool; connections are opened when they are first needed, and reused last in, first out. */
export function createConnectionPool(options: PoolOptions): ConnectionPool {
  return new Pool(options)
}

interface IdleSession {
  readonly session: Session
  readonly sinceMs: number
}

/** A waiter gets a connection, or a free place to open one in. */
interface Waiter {
  give(session: Session | 'place'): void
  fail(error: TenfoldError): void
}

class Pool implements ConnectionPool {
  readonly #options: PoolOptions
  readonly #idle: IdleSession[] = []
  readonly #waiters: Waiter[] = []
  #size = 0
  #isEnding = false
  /** When one connection is lost, those that were idle then are not trusted either. */
  #lastLossMs = Number.NEGATIVE_INFINITY
  #cancelSweep: Cancel | undefined
  #emptied = Promise.withResolvers<void>()

  constructor(options: PoolOptions) {
    this.#options = options
  }

  async acquire(): Promise<Session> {
    for (;;) {
      if (this.#isEnding) throw this.#closed()
      const idle = this.#idle.pop()
      if (idle === undefined) break
      if (await this.#isUsable(idle)) return idle.session
      this.#drop(idle.session)
    }
    if (this.#size < this.#options.connectionsMax) {
      this.#size++
      return this.#open(this.#options.clock.nowMs() + this.#options.acquireTimeoutMs)
    }
    return this.#wait()
  }

  release(session: Session, options: { discard?: boolean } = {}): void {
    if (session.isLost || options.discard === true || this.#isEnding) {
      this.#drop(session)
      return
    }
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

  stats(): PoolStats {
    const idle = this.#idle.length
    return { size: this.#size, busy: this.#size - idle, idle, waiting: this.#waiters.length }
  }

  async end(): Promise<void> {
    this.#isEnding = true
    this.#cancelSweep?.()
    for (const waiter of this.#waiters.splice(0)) waiter.fail(this.#closed())
    for (const { session } of this.#idle.splice(0)) this.#drop(session)
    if (this.#size === 0) this.#emptied.resolve()
    await this.#emptied.promise
  }

  async #isUsable(idle: IdleSession): Promise<boolean> {
    if (idle.session.isLost) return false
    const isRecent = this.#options.clock.nowMs() - idle.sinceMs < VERIFY_AFTER_MS
    if (isRecent && idle.sinceMs > this.#lastLossMs) return true
    return idle.session.query('').then(
      () => true,
      () => false,
    )
  }

  /** Opens a connection in a place that is already counted; a server that restarts gets until the deadline. */
  async #open(deadlineMs: number): Promise<Session> {
    for (let attempt = 0; ; attempt++) {
      try {
        const session = await this.#options.open()
        session.onLost(() => this.#onLost(session))
        this.#publish('opened')
        return session
      } catch (error) {
        const pauseMs = CONNECT_RETRY_MS[Math.min(attempt, CONNECT_RETRY_MS.length - 1)] as number
        const isLate = this.#options.clock.nowMs() + pauseMs >= deadlineMs
        if (!isLate && !this.#isEnding && isTransientConnectFailure(error)) {
          await sleep(this.#options.clock, pauseMs)
          continue
        }
        this.#freePlace()
        throw this.#unreachable(error)
      }
    }
  }

  async #wait(): Promise<Session> {
    const { clock, acquireTimeoutMs, waitingMax } = this.#options
    const startMs = clock.nowMs()
    if (this.#waiters.length >= waitingMax) throw this.#exhausted(0)
    const { promise, resolve, reject } = Promise.withResolvers<Session | 'place'>()
    const waiter = { give: resolve, fail: reject }
    const cancel = clock.schedule(acquireTimeoutMs, () => {
      const at = this.#waiters.indexOf(waiter)
      if (at < 0) return
      this.#waiters.splice(at, 1)
      reject(this.#exhausted(clock.nowMs() - startMs))
    })
    this.#waiters.push(waiter)
    try {
      const given = await promise
      this.#publish('waited', clock.nowMs() - startMs)
      return given === 'place' ? await this.#open(startMs + acquireTimeoutMs) : given
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
    void session.close()
    this.#freePlace()
  }

  /** The place of a connection that is gone goes to whoever waits longest. */
  #freePlace(): void {
    const waiter = this.#isEnding ? undefined : this.#waiters.shift()
    if (waiter !== undefined) {
      waiter.give('place')
      return
    }
    this.#size--
    if (this.#isEnding && this.#size === 0) this.#emptied.resolve()
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

  #exhausted(waitMs: number): TenfoldError {
    this.#publish('exhausted', waitMs)
    const { database, connectionsMax } = this.#options
    const { busy, waiting } = this.stats()
    return new TenfoldError(
      'TF_POOL_EXHAUSTED',
      `expected a free connection to ${database}, got none in ${Math.round(waitMs)} ms: ` +
        `${busy} of ${connectionsMax} are busy and ${waiting} callers wait`,
      {
        hint: 'shorten the transactions, add instances, or raise the connections of this database',
        details: { database, connectionsMax, busy, waiting, waitMs },
      },
    )
  }

  #unreachable(cause: unknown): TenfoldError {
    const { database } = this.#options
    return new TenfoldError(
      'TF_DATABASE_UNREACHABLE',
      `expected a connection to ${database}, got: ${messageOf(cause)}`,
      {
        hint: 'check that the database runs ("tenfold status") and that its URL is right',
        details: { database },
        cause,
      },
    )
  }

  #closed(): TenfoldError {
    return new TenfoldError(
      'TF_DATABASE_CLOSED',
      `expected ${this.#options.database} to be open, but end() was called`,
      {
        hint: 'end the database only after the last request',
      },
    )
  }
}
