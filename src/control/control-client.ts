import { lstat } from 'node:fs/promises'
import type { Clock } from '../core/clock.ts'
import { sleep, systemClock } from '../core/clock.ts'
import { hasCode, TenfoldError } from '../core/errors.ts'
import { uniqueId } from '../core/random.ts'
import { jsonSocketRequest, jsonSocketStream } from './json-socket-client.ts'
import type { LogLine } from './log-source.ts'
import type { MetricFrame } from './metric-frame.ts'
import { ourUid } from './own-directory.ts'
import { requireRunning } from './running-system.ts'
import type { Series, SeriesQuery } from './series-query.ts'
import type { Span, TraceQuery, TraceSummary } from './span.ts'
import type { SystemSnapshot } from './snapshot.ts'

/** Talks to a running system. Every call connects anew, so a system that was started again is found. */
export interface ControlClient {
  /** The snapshot now, or, with `after` and `waitMs` (at most 60000), once it is newer than `after`. */
  snapshot(options?: { after?: number; waitMs?: number; signal?: AbortSignal }): Promise<SystemSnapshot>
  /**
   * The snapshot now and after each change; when it changes faster than it is read, the newest. After a cut it connects
   * again, with growing pauses, and goes on, also with another run of the system. Ends with `signal`, or when the
   * system has stopped.
   *
   * @throws TF_NOT_RUNNING when nothing runs at the first call
   */
  watch(signal?: AbortSignal): AsyncGenerator<SystemSnapshot, void, undefined>
  /**
   * Asks for a command and waits for its outcome. With the same `id` it is done once, however often it is asked for.
   *
   * @throws TF_COMMAND_UNKNOWN, TF_INPUT_INVALID, or whatever the command throws
   * @throws TF_TIMEOUT after `timeoutMs` (default 600000); the command goes on, and the same id joins it
   */
  command<Result = unknown>(
    name: string,
    args?: Readonly<Record<string, unknown>>,
    options?: { id?: string; signal?: AbortSignal; timeoutMs?: number },
  ): Promise<Result>
  /**
   * Metric frames from now on; with `sinceEpochMs` also those kept since then (15 minutes at most); with `follow: false`
   * only those kept. Ends with `signal` or with the system.
   */
  frames(options?: {
    sinceEpochMs?: number
    follow?: boolean
    signal?: AbortSignal
  }): AsyncGenerator<MetricFrame, void, undefined>
  /** The spans that are kept of a trace, in the order of their start. @throws TF_HISTORY_UNAVAILABLE */
  trace(traceId: string, signal?: AbortSignal): Promise<readonly Span[]>
  /** The traces that are kept, slowest first. @throws TF_HISTORY_UNAVAILABLE */
  traces(query: TraceQuery, signal?: AbortSignal): Promise<readonly TraceSummary[]>
  /** The history of a metric, kept across restarts. @throws TF_HISTORY_UNAVAILABLE */
  series(query: SeriesQuery, signal?: AbortSignal): Promise<readonly Series[]>
  /**
   * What instances have printed: the last `tail` (default 100) lines of each, instance by instance, then, with `follow`,
   * every new one until `signal` or the end of the system. `since` (milliseconds since the epoch), `grep` and `trace`
   * (texts that a line must hold) leave out lines before they are counted.
   */
  logs(options?: {
    service?: string | undefined
    instance?: string | undefined
    tail?: number | undefined
    since?: number | undefined
    grep?: string | undefined
    trace?: string | undefined
    follow?: boolean
    signal?: AbortSignal
  }): AsyncGenerator<LogLine, void, undefined>
}

const RECONNECT_MS_MIN = 100
const RECONNECT_MS_MAX = 5_000

/**
 * A client of the system whose state directory, or control socket, this is. Connects to nothing yet.
 *
 * Every method throws TF_NOT_RUNNING, with the command that starts it, when nothing runs there.
 *
 * @example await connectControl(stateDirectoryOf(blueprint)).command('scale', { service: 'api', count: 5 })
 */
export function connectControl(
  stateDirectoryOrSocket: string,
  options: {
    /** @default the machine's clock */
    clock?: Clock
  } = {},
): ControlClient {
  return new SocketControlClient(stateDirectoryOrSocket, options.clock ?? systemClock)
}

class SocketControlClient implements ControlClient {
  readonly #place: string
  readonly #clock: Clock

  constructor(place: string, clock: Clock) {
    this.#place = place
    this.#clock = clock
  }

  snapshot(options: { after?: number; waitMs?: number; signal?: AbortSignal } = {}): Promise<SystemSnapshot> {
    const { after, waitMs = 0, signal } = options
    const query = after === undefined ? '' : `?after=${after}&waitMs=${waitMs}`
    return this.#connect((socket) =>
      jsonSocketRequest<SystemSnapshot>(socket, 'GET', `/v1/snapshot${query}`, undefined, {
        signal,
        timeoutMs: waitMs + 10_000,
        clock: this.#clock,
      }),
    )
  }

  async *watch(signal?: AbortSignal): AsyncGenerator<SystemSnapshot, void, undefined> {
    let last: SystemSnapshot | undefined
    let pauseMs = RECONNECT_MS_MIN
    for (;;) {
      try {
        const socket = await this.#socket()
        const query = last === undefined ? '' : `?after=${last.version}&run=${encodeURIComponent(last.run)}`
        const lines = jsonSocketStream<SystemSnapshot>(socket, `/v1/watch${query}`, { signal, clock: this.#clock })
        for await (const snapshot of lines) {
          last = snapshot
          pauseMs = RECONNECT_MS_MIN
          yield snapshot
        }
      } catch (error) {
        if (last === undefined) throw this.#notRunningIf(error)
        if (!isTemporary(error)) throw error
      }
      if (isAborted(signal) || last?.phase === 'stopped') return
      const isGone = await sleep(this.#clock, pauseMs, signal).then(
        () => false,
        () => true,
      )
      if (isGone) return
      pauseMs = Math.min(pauseMs * 2, RECONNECT_MS_MAX)
    }
  }

  command<Result = unknown>(
    name: string,
    args: Readonly<Record<string, unknown>> = {},
    options: { id?: string; signal?: AbortSignal; timeoutMs?: number } = {},
  ): Promise<Result> {
    const { id = uniqueId(), signal, timeoutMs = 600_000 } = options
    const body = { id, name, arguments: args, client: { pid: process.pid, uid: ourUid() } }
    return this.#connect((socket) =>
      jsonSocketRequest<Result>(socket, 'POST', '/v1/commands', body, { signal, timeoutMs, clock: this.#clock }),
    )
  }

  async *frames(
    options: { sinceEpochMs?: number; follow?: boolean; signal?: AbortSignal } = {},
  ): AsyncGenerator<MetricFrame, void, undefined> {
    const { sinceEpochMs, follow = true, signal } = options
    const since = sinceEpochMs === undefined ? '' : `&since=${sinceEpochMs}`
    const route = `/v1/frames?follow=${follow}${since}`
    try {
      yield* jsonSocketStream<MetricFrame>(await this.#socket(), route, { signal, clock: this.#clock })
    } catch (error) {
      throw this.#notRunningIf(error)
    }
  }

  series(query: SeriesQuery, signal?: AbortSignal): Promise<readonly Series[]> {
    const fields = new URLSearchParams()
    for (const [name, value] of Object.entries(query)) {
      if (value === undefined) continue
      fields.set(name, typeof value === 'object' ? JSON.stringify(value) : String(value))
    }
    const route = `/v1/series?${fields}`
    return this.#connect((socket) =>
      jsonSocketRequest<readonly Series[]>(socket, 'GET', route, undefined, { signal, clock: this.#clock }),
    )
  }

  trace(traceId: string, signal?: AbortSignal): Promise<readonly Span[]> {
    return this.#connect((socket) =>
      jsonSocketRequest<readonly Span[]>(socket, 'GET', `/v1/trace?id=${encodeURIComponent(traceId)}`, undefined, {
        signal,
        clock: this.#clock,
      }),
    )
  }

  traces(query: TraceQuery, signal?: AbortSignal): Promise<readonly TraceSummary[]> {
    const fields = new URLSearchParams()
    for (const [name, value] of Object.entries(query)) if (value !== undefined) fields.set(name, String(value))
    return this.#connect((socket) =>
      jsonSocketRequest<readonly TraceSummary[]>(socket, 'GET', `/v1/traces?${fields}`, undefined, {
        signal,
        clock: this.#clock,
      }),
    )
  }

  async *logs(options: Parameters<ControlClient['logs']>[0] = {}): AsyncGenerator<LogLine, void, undefined> {
    const { follow = false, signal, ...wanted } = options
    const query = new URLSearchParams({ follow: String(follow) })
    for (const [name, value] of Object.entries(wanted)) if (value !== undefined) query.set(name, String(value))
    try {
      yield* jsonSocketStream<LogLine>(await this.#socket(), `/v1/logs?${query}`, { signal, clock: this.#clock })
    } catch (error) {
      throw this.#notRunningIf(error)
    }
  }

  async #connect<T>(ask: (socket: string) => Promise<T>): Promise<T> {
    try {
      return await ask(await this.#socket())
    } catch (error) {
      throw this.#notRunningIf(error)
    }
  }

  async #socket(): Promise<string> {
    const isDirectory = await lstat(this.#place).then(
      (file) => file.isDirectory(),
      () => !this.#place.endsWith('.sock'),
    )
    return isDirectory ? (await requireRunning(this.#place)).controlSocket : this.#place
  }

  /** Nobody on the socket means that nothing runs; other failures are what they are. */
  #notRunningIf(error: unknown): unknown {
    if (!hasCode(error, 'TF_CONTROL_UNREACHABLE')) return error
    const { details } = error as TenfoldError
    if (details['reason'] !== 'ENOENT' && details['reason'] !== 'ECONNREFUSED') return error
    return new TenfoldError('TF_NOT_RUNNING', `expected a running system in ${this.#place}, got none`, {
      hint: 'start it with "tenfold up"',
      details: { place: this.#place },
      cause: error,
    })
  }
}

function isTemporary(error: unknown): boolean {
  return hasCode(error, 'TF_CONTROL_UNREACHABLE') || hasCode(error, 'TF_NOT_RUNNING') || hasCode(error, 'TF_TIMEOUT')
}

function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true
}
