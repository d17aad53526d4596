import type { ResponseParser } from './response-parser.ts'
import { createResponseParser } from './response-parser.ts'
import type { Session } from './session.ts'
import type { Connect, Transport } from './transport.ts'

/** One keep-alive connection with at most one request on it. */
export interface Connection {
  /** Intended start of the request on it, milliseconds of the run. */
  readonly intendedMs: number
  readonly sentMs: number
  /** Whose request is on it; undefined while it is idle. */
  readonly session: Session | undefined
  /** Since when it is idle. */
  idleSinceMs: number
  /** How long it may be idle before the peer might close it. */
  readonly idleMaxMs: number
  readonly isOpen: boolean
  /** The answer to the last request. */
  readonly answer: ResponseParser
  send(session: Session, request: Buffer | string, intendedMs: number, nowMs: number): void
  /** Takes the session off, once its request has been counted; the connection is idle then. */
  release(): Session | undefined
  /** Closes without a report. */
  destroy(): void
}

/** What becomes of a connection; exactly one of `onAnswer` and `onLost` ends each request. */
export interface ConnectionEvents {
  onOpen(connection: Connection): void
  /** The answer is complete. Where `isReusable` is false the connection is closed already. */
  onAnswer(connection: Connection, isReusable: boolean): void
  /** The connection is gone, with the request on it if there was one. */
  onLost(connection: Connection, kind: 'connection' | 'protocol', problem: string): void
}

/** Idle connections are given up this long before the peer says it closes them. */
const IDLE_MARGIN_MS = 1_000

/** Where the peer says nothing: below the 5 s after which Node's servers close. */
const IDLE_MAX_MS_DEFAULT = 4_000

/** Opens a connection. */
export function openConnection(connect: Connect, events: ConnectionEvents): Connection {
  return new HttpConnection(connect, events)
}

class HttpConnection implements Connection {
  intendedMs = 0
  sentMs = 0
  session: Session | undefined
  idleSinceMs = 0
  idleMaxMs = IDLE_MAX_MS_DEFAULT
  isOpen = false
  readonly answer = createResponseParser()
  readonly #events: ConnectionEvents
  readonly #transport: Transport

  constructor(connect: Connect, events: ConnectionEvents) {
    this.#events = events
    this.#transport = connect({
      onOpen: () => {
        this.isOpen = true
        events.onOpen(this)
      },
      onBytes: (bytes, length) => this.#onBytes(bytes, length),
      onEnd: () => this.#onEnd(),
      onError: (problem) => this.#lose('connection', problem),
    })
  }

  send(session: Session, request: Buffer | string, intendedMs: number, nowMs: number): void {
    const { step } = session
    this.session = session
    this.intendedMs = intendedMs
    this.sentMs = nowMs
    this.answer.expect(step.request.isHead, step.judge.needsBody, step.judge.needsHeaders)
    this.#transport.write(request)
  }

  destroy(): void {
    this.isOpen = false
    this.#transport.destroy()
  }

  #onBytes(bytes: Buffer, length: number): void {
    const state = this.answer.push(bytes, length)
    if (state === 'incomplete') return
    if (state === 'malformed') {
      this.#transport.destroy()
      this.#lose('protocol', this.answer.problem)
      return
    }
    const { isKeptAlive, keepAliveMs } = this.answer
    if (keepAliveMs !== undefined) this.idleMaxMs = Math.max(keepAliveMs - IDLE_MARGIN_MS, keepAliveMs / 2)
    if (!isKeptAlive) this.destroy()
    this.#events.onAnswer(this, isKeptAlive)
  }

  #onEnd(): void {
    this.isOpen = false
    const isComplete = this.session !== undefined && this.answer.end() === 'complete'
    if (isComplete) this.#events.onAnswer(this, false)
    else this.#lose('connection', 'closed by the peer')
  }

  #lose(kind: 'connection' | 'protocol', problem: string): void {
    this.isOpen = false
    this.#events.onLost(this, kind, problem)
  }

  release(): Session | undefined {
    const { session } = this
    this.session = undefined
    return session
  }
}
