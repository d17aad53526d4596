import type { Cancel, Clock } from '../core/clock.ts'
import type { ArrivalProcess } from './arrival.ts'
import type { ArrivalShare } from './arrival-share.ts'
import { createArrivalShare } from './arrival-share.ts'
import type { Connection } from './connection.ts'
import type { ConnectionPool, PoolLimits } from './connection-pool.ts'
import { createConnectionPool } from './connection-pool.ts'
import { createDueQueue } from './due-queue.ts'
import type { DueQueue } from './due-queue.ts'
import type { Failure } from './failure.ts'
import type { Meter } from './meter.ts'
import type { Recorder } from './recorder.ts'
import { createRecorder } from './recorder.ts'
import type { Session, Sessions } from './session.ts'
import { createThinkQueue } from './think-queue.ts'
import type { Connect } from './transport.ts'

/** One worker's share of a run. */
export interface OpenLoopOptions {
  readonly clock: Clock
  readonly connect: Connect
  readonly arrivals: ArrivalProcess
  /** This worker takes the arrivals with `index % workers === worker`. */
  readonly worker: number
  readonly workers: number
  readonly sessions: Sessions
  readonly meter: Meter
  readonly durationMs: number
  /** A user gives up this long after the intended start of a request. */
  readonly timeoutMs: number
  readonly connections: PoolLimits
  /** Requests that may wait for a connection, and sessions that may pause; more are failures. */
  readonly dueMax: number
  /** After each second of the run, and once more at its end. */
  onSecond(second: LoopSecond): void
  /** Examples of failures, at most `EXAMPLES_MAX`. */
  onFailure(step: number, failure: Failure): void
}

/** What a worker hands over each second. */
export interface LoopSecond {
  /** Number of the second that has ended, from 0. */
  readonly second: number
  /** The bank to read; undefined where the reader still holds the last one. */
  readonly bank: number | undefined
  /** Requests sent and not answered. */
  readonly inFlight: number
  /** Requests that wait for a connection. */
  readonly due: number
}

/** What is known at the end of a worker's run. */
export interface LoopResult {
  readonly connectionsMax: number
  /** More connections were wanted than allowed. */
  readonly wasLimited: boolean
  /** Sessions cut off by the end of the run. */
  readonly unfinished: number
  /** Connections that failed because this machine had no port or file left for them. */
  readonly localProblems: number
}

/**
 * Once requests have waited this long for connections, new ones are opened. It does not count from their intended
 * start: when the generator itself was late, there are connections enough.
 */
const PATIENCE_MS = 5

/** Timers count whole milliseconds: this is the next one, where 1 would sometimes be the one after it. */
const TICK_MS = 0.5

/** A long timer is up to this late, so the last stretch is left to a short one. */
const EARLY_MS = 1

/** How often time-outs and idle connections are looked for. */
const TEND_EVERY_MS = 50

/** An arrival that is noticed this long after the end of the run was not offered. */
const LATE_MAX_MS = 100

/** Errors of this machine, not of the target. */
const LOCAL_PROBLEMS = new Set(['EADDRNOTAVAIL', 'EMFILE', 'ENFILE', 'ENOBUFS'])

const NO_ROOM: Failure = { kind: 'overflow', problem: 'expected room for one more request or session, got none' }

/** An open loop of requests to one target. */
export interface OpenLoop {
  /** Opens the first connections. Rejects with the problem in words where the target refuses them. */
  prepare(): Promise<void>
  /** Runs the schedule; `startMs` is its time zero on the clock. Resolves when the last answer is in or has timed out. */
  run(startMs: number): Promise<LoopResult>
  stop(): void
}

/**
 * Sends every request at its intended time, however the target does: a slow answer never delays the next request,
 * and every latency counts from the intended start, so that a stall shows in full (no coordinated omission).
 */
export function createOpenLoop(options: OpenLoopOptions): OpenLoop {
  return new Loop(options)
}

class Loop implements OpenLoop {
  readonly #options: OpenLoopOptions
  readonly #clock: Clock
  readonly #pool: ConnectionPool
  readonly #arrivals: ArrivalShare
  readonly #recorder: Recorder
  readonly #due: DueQueue
  readonly #thinking = createThinkQueue()
  readonly #ended = Promise.withResolvers<LoopResult>()
  readonly #prepared = Promise.withResolvers<void>()
  #isRunning = false
  #startMs = 0
  #busy = 0
  #second = 0
  /** Since when requests wait for connections. */
  #starvedSinceMs = Number.POSITIVE_INFINITY
  /** When the next tick is to come. */
  #wakeMs = Number.POSITIVE_INFINITY
  #cancelWake: Cancel = () => undefined
  #nextTendMs = Number.NEGATIVE_INFINITY
  #unfinished = 0
  #localProblems = 0

  constructor(options: OpenLoopOptions) {
    this.#options = options
    this.#clock = options.clock
    this.#arrivals = createArrivalShare(options.arrivals, options.worker, options.workers)
    this.#recorder = createRecorder(options.meter, options.onFailure)
    this.#due = createDueQueue(options.dueMax)
    this.#pool = createConnectionPool(options.connect, options.connections, {
      onOpen: (connection) => this.#onOpen(connection),
      onAnswer: (connection, isReusable) => this.#onAnswer(connection, isReusable),
      onLost: (connection, kind, problem) => this.#onLost(connection, { kind, problem }),
      onRefused: (problem) => this.#onRefused(problem),
    })
  }

  prepare(): Promise<void> {
    this.#pool.tend(0)
    return this.#prepared.promise
  }

  run(startMs: number): Promise<LoopResult> {
    this.#startMs = startMs
    this.#isRunning = true
    for (const connection of this.#pool.all()) connection.idleSinceMs = this.#now()
    this.#tick()
    return this.#ended.promise
  }

  stop(): void {
    this.#isRunning = false
    this.#cancelWake()
    this.#pool.close()
  }

  #now(): number {
    return this.#clock.nowMs() - this.#startMs
  }

  readonly #tick = (): void => {
    const nowMs = this.#now()
    const wasHeldUp = nowMs - this.#wakeMs > PATIENCE_MS
    while (this.#thinking.nextMs <= nowMs) {
      const intendedMs = this.#thinking.nextMs
      this.#begin(this.#thinking.pop(), intendedMs, nowMs)
    }
    while (this.#arrivals.nextMs <= nowMs) this.#arrive(nowMs)
    this.#serveDue()
    this.#growIfStarved(nowMs, wasHeldUp)
    if (nowMs >= this.#nextTendMs) {
      this.#nextTendMs = nowMs + TEND_EVERY_MS
      this.#expire(nowMs)
      this.#pool.tend(nowMs)
    }
    while (nowMs >= (this.#second + 1) * 1_000) this.#report(this.#options.meter.flip())
    if (this.#isOver(nowMs)) this.#finish()
    else this.#sleep(nowMs)
  }

  /** Until something falls due; while requests wait for connections, only for a tick. */
  #sleep(nowMs: number): void {
    const dueMs = Math.min(this.#arrivals.nextMs, this.#thinking.nextMs, this.#nextTendMs, (this.#second + 1) * 1_000)
    this.#wakeMs = Number.POSITIVE_INFINITY
    this.#wakeBy(this.#due.size > 0 ? nowMs : dueMs - EARLY_MS, nowMs)
  }

  #wakeBy(dueMs: number, nowMs: number): void {
    const wakeMs = Math.max(dueMs, nowMs + TICK_MS)
    if (wakeMs >= this.#wakeMs) return
    this.#cancelWake()
    this.#wakeMs = wakeMs
    this.#cancelWake = this.#clock.schedule(wakeMs - nowMs, this.#tick)
  }

  #arrive(nowMs: number): void {
    const intendedMs = this.#arrivals.nextMs
    const index = this.#arrivals.take()
    this.#recorder.sessionPlanned(intendedMs)
    // A generator that stalls past the end of the run did not offer what it owed.
    if (nowMs > this.#options.durationMs + LATE_MAX_MS) return
    this.#recorder.sessionOffered(intendedMs)
    this.#begin(this.#options.sessions.start(index), intendedMs, nowMs)
  }

  /**
   * Opens connections where requests have waited for them long enough, an eighth more at a time. When the generator
   * itself was held up, answers are waiting to be read: connections enough will be free in a moment.
   */
  #growIfStarved(nowMs: number, wasHeldUp: boolean): void {
    if (this.#due.size === 0) {
      this.#starvedSinceMs = Number.POSITIVE_INFINITY
      return
    }
    this.#starvedSinceMs = Math.min(this.#starvedSinceMs, nowMs)
    if (this.#pool.size === 0) this.#pool.grow(this.#due.size)
    else if (nowMs - this.#starvedSinceMs > PATIENCE_MS && !wasHeldUp) {
      this.#pool.grow(Math.min(this.#due.size, Math.ceil(this.#pool.size / 8)))
      this.#starvedSinceMs = nowMs
    }
  }

  /** A request is due: sends it, or lets it wait for a connection. */
  #begin(session: Session, intendedMs: number, nowMs: number): void {
    if (intendedMs >= this.#options.durationMs) {
      this.#unfinished++
      return
    }
    const connection = this.#due.size === 0 ? this.#pool.take() : undefined
    if (connection !== undefined) {
      this.#recorder.due(intendedMs, this.#send(connection, session, intendedMs))
      return
    }
    this.#recorder.due(intendedMs, nowMs)
    if (this.#due.push(intendedMs, session)) this.#wakeBy(nowMs, nowMs)
    else this.#fail(session, intendedMs, nowMs, NO_ROOM)
  }

  #serveDue(): void {
    while (this.#due.size > 0) {
      const connection = this.#pool.take()
      if (connection === undefined) return
      this.#sendOldest(connection)
    }
  }

  #sendOldest(connection: Connection): void {
    const intendedMs = this.#due.oldestMs
    this.#send(connection, this.#due.shift(), intendedMs)
  }

  /** @returns when it was sent */
  #send(connection: Connection, session: Session, intendedMs: number): number {
    const request = session.request()
    const nowMs = this.#now()
    if (typeof request === 'object' && 'kind' in request) {
      this.#pool.give(connection, nowMs)
      this.#fail(session, intendedMs, nowMs, request)
      return nowMs
    }
    this.#busy++
    connection.send(session, request, intendedMs, nowMs)
    return nowMs
  }

  #onOpen(connection: Connection): void {
    if (!this.#isRunning) {
      this.#pool.give(connection, this.#now())
      if (this.#pool.opening === 0) this.#prepared.resolve()
    } else if (this.#due.size > 0) this.#sendOldest(connection)
    else this.#pool.give(connection, this.#now())
  }

  #onAnswer(connection: Connection, isReusable: boolean): void {
    const nowMs = this.#now()
    const { intendedMs, sentMs } = connection
    const session = connection.release() as Session
    this.#busy--
    const failure = session.judge(connection.answer)
    // Free again before the session goes on, so that its next step finds a warm connection.
    if (isReusable) {
      if (this.#due.size > 0) this.#sendOldest(connection)
      else this.#pool.give(connection, nowMs)
    }
    this.#recorder.answered(intendedMs, sentMs, nowMs)
    if (failure === undefined) {
      this.#recorder.passed(session.step.index, intendedMs, nowMs)
      this.#goOn(session, intendedMs, nowMs)
    } else this.#fail(session, intendedMs, nowMs, failure)
  }

  #goOn(session: Session, intendedMs: number, nowMs: number): void {
    const pauseMs = session.advance()
    if (pauseMs === undefined) this.#recorder.sessionCompleted(intendedMs)
    else if (pauseMs === 0) this.#begin(session, nowMs, nowMs)
    else if (this.#thinking.size < this.#options.dueMax) {
      this.#thinking.push(nowMs + pauseMs, session)
      this.#wakeBy(nowMs + pauseMs, nowMs)
    } else this.#fail(session, intendedMs, nowMs, NO_ROOM)
  }

  #onLost(connection: Connection, failure: Failure): void {
    this.#busy--
    const { intendedMs } = connection
    this.#fail(connection.release() as Session, intendedMs, this.#now(), failure)
  }

  /** A refused connection is one user's refusal: the oldest request that waits has failed. */
  #onRefused(problem: string): void {
    if (!this.#isRunning) {
      this.#prepared.reject(new Error(problem))
      return
    }
    if (LOCAL_PROBLEMS.has(problem)) this.#localProblems++
    if (this.#due.size === 0) return
    const intendedMs = this.#due.oldestMs
    this.#fail(this.#due.shift(), intendedMs, this.#now(), { kind: 'connection', problem })
  }

  /** Users give up, wherever their request is. */
  #expire(nowMs: number): void {
    const { timeoutMs } = this.#options
    const failure: Failure = { kind: 'timeout', problem: `expected an answer within ${timeoutMs} ms, got none` }
    while (nowMs - this.#due.oldestMs >= timeoutMs) {
      const intendedMs = this.#due.oldestMs
      this.#fail(this.#due.shift(), intendedMs, nowMs, failure)
    }
    for (const connection of this.#pool.all()) {
      if (connection.session === undefined || nowMs - connection.intendedMs < timeoutMs) continue
      this.#pool.discard(connection)
      this.#onLost(connection, failure)
    }
  }

  #fail(session: Session, intendedMs: number, nowMs: number, failure: Failure): void {
    this.#recorder.failed(session.step.index, intendedMs, nowMs, failure)
  }

  #isOver(nowMs: number): boolean {
    if (this.#arrivals.nextMs !== Number.POSITIVE_INFINITY || nowMs < this.#options.durationMs) return false
    return this.#busy === 0 && this.#due.size === 0
  }

  #finish(): void {
    this.#report(this.#options.meter.finish())
    this.stop()
    this.#ended.resolve({
      connectionsMax: this.#pool.sizeMax,
      wasLimited: this.#pool.wasLimited,
      unfinished: this.#unfinished + this.#thinking.size,
      localProblems: this.#localProblems,
    })
  }

  #report(bank: number | undefined): void {
    this.#options.onSecond({ second: this.#second++, bank, inFlight: this.#busy, due: this.#due.size })
  }
}
