import { z } from 'zod'
import type { Clock } from '../core/clock.ts'
import type { Component } from '../core/component.ts'
import type { AuditLog } from './audit-log.ts'
import { createAuditLog } from './audit-log.ts'
import type { CommandRequest, CommandRunner } from './command-runner.ts'
import { createCommandRunner } from './command-runner.ts'
import type { ControlCommand } from './control-command.ts'
import type { FrameStore } from './frame-store.ts'
import type { JsonRoute } from './json-route.ts'
import { jsonRoute, jsonStream } from './json-route.ts'
import { createJsonSocket } from './json-socket.ts'
import type { LineFilter, LogLine, LogSource } from './log-source.ts'
import { followLines, isLineWanted } from './log-source.ts'
import type { SeriesQuery, SeriesSource } from './series-query.ts'
import { seriesInput } from './series-input.ts'
import type { TraceQuery, TraceSource } from './span.ts'
import { spellingsOf } from './trace-id.ts'
import type { SnapshotStore } from './snapshot-store.ts'

/** @see createControlServer */
export interface ControlServerOptions {
  /** Where to listen: `StateDirectory.controlSocket`. */
  readonly socket: string
  /** `StateDirectory.auditFile` */
  readonly auditFile: string
  readonly snapshots: SnapshotStore
  readonly frames: FrameStore
  /** The output of the instances. */
  readonly logs: LogSource
  /** The history of the metrics, and the traces that are kept. */
  readonly series: SeriesSource & TraceSource
  /** What clients can ask for, by name. */
  readonly commands: Readonly<Record<string, ControlCommand>>
  readonly clock: Clock
}

/** @see createControlServer */
export interface ControlServer extends Component {
  /** Where commands are written down; for what is decided without one. */
  readonly audit: AuditLog
}

/** The longest that a request for a newer snapshot waits. */
export const SNAPSHOT_WAIT_MS_MAX = 60_000

/** Lines of one instance that a request for logs reads back at most. */
export const LOG_TAIL_MAX = 10_000

/** Traces that a request lists at most. */
export const TRACES_MAX = 1_000

/** Length of a text that lines are searched for. */
const LOG_TEXT_MAX = 1_000

/**
 * The control socket of a running system, for its owner alone: the snapshot, commands, and metric frames. The protocol
 * is in `docs/internals/control-protocol.md`; clients use `connectControl`.
 *
 * `start` throws as `createJsonSocket`; `stop` ends watches and waits for running commands until the deadline.
 */
export function createControlServer(options: ControlServerOptions): ControlServer {
  const { snapshots, frames, clock } = options
  const audit = createAuditLog({ file: options.auditFile })
  const commands = createCommandRunner({ commands: options.commands, audit, clock })
  const socket = createJsonSocket({
    path: options.socket,
    mode: 0o600,
    clock,
    routes: {
      'GET /v1/snapshot': snapshotRoute(snapshots, clock),
      'GET /v1/watch': watchRoute(snapshots),
      'POST /v1/commands': commandRoute(commands),
      'GET /v1/frames': framesRoute(frames),
      'GET /v1/series': jsonRoute<SeriesQuery>({
        input: seriesInput,
        handle: ({ input }) => options.series.series(input),
      }),
      'GET /v1/trace': traceRoute(options.series),
      'GET /v1/traces': tracesRoute(options.series),
      'GET /v1/logs': logsRoute(options.logs, () => Object.keys(snapshots.current().services)),
    },
  })
  return {
    audit,
    start: (signal) => socket.start(signal),
    async stop(deadlineMs) {
      commands.abort()
      await socket.stop(deadlineMs)
    },
  }
}

const count = z.coerce.number().int().min(0)

function snapshotRoute(snapshots: SnapshotStore, clock: Clock): JsonRoute {
  return jsonRoute({
    input: z.strictObject({ after: count.optional(), waitMs: count.max(SNAPSHOT_WAIT_MS_MAX).default(0) }),
    async handle({ input, signal }) {
      if (input.after === undefined || input.waitMs === 0) return snapshots.current()
      const late = new AbortController()
      const cancel = clock.schedule(input.waitMs, () => late.abort())
      try {
        return await snapshots.newerThan(input.after, AbortSignal.any([signal, late.signal]))
      } finally {
        cancel()
      }
    },
  })
}

function watchRoute(snapshots: SnapshotStore): JsonRoute {
  return jsonRoute({
    input: z.strictObject({ after: count.default(0), run: z.string().optional() }),
    handle({ input, signal }) {
      // The versions of another run say nothing about ours.
      const isOurs = input.run === undefined || input.run === snapshots.current().run
      return jsonStream(snapshots.watch(isOurs ? input.after : 0, signal))
    },
  })
}

function commandRoute(commands: CommandRunner): JsonRoute {
  return jsonRoute<CommandRequest>({
    input: z.strictObject({
      id: z.string().regex(/^[\w.-]{1,100}$/),
      name: z.string().max(100),
      arguments: z.unknown().transform((value) => value ?? {}),
      client: z.strictObject({ pid: z.int().optional(), uid: z.int().optional() }).optional(),
    }),
    handle: ({ input }) => commands.run(input),
  })
}

function framesRoute(frames: FrameStore): JsonRoute {
  return jsonRoute({
    input: z.strictObject({ since: z.coerce.number().optional(), follow: z.enum(['true', 'false']).default('true') }),
    handle({ input, signal }) {
      if (input.follow === 'true') return jsonStream(frames.watch({ sinceEpochMs: input.since, signal }))
      return jsonStream(inTurn(frames.since(input.since ?? Number.NEGATIVE_INFINITY), undefined))
    },
  })
}

function traceRoute(traces: TraceSource): JsonRoute {
  return jsonRoute({
    input: z.strictObject({ id: z.string().regex(/^[0-9a-f]{32}$/, 'expected 32 hexadecimal digits') }),
    handle: ({ input }) => traces.trace(input.id),
  })
}

function tracesRoute(traces: TraceSource): JsonRoute {
  return jsonRoute<TraceQuery>({
    input: z.strictObject({
      sinceEpochMs: z.coerce.number(),
      service: z.string().optional(),
      limit: count.max(TRACES_MAX).default(20),
    }),
    handle: ({ input }) => traces.traces(input),
  })
}

function logsRoute(logs: LogSource, services: () => readonly string[]): JsonRoute {
  return jsonRoute({
    input: z.strictObject({
      service: z.string().optional(),
      instance: z.string().optional(),
      tail: count.max(LOG_TAIL_MAX).default(100),
      follow: z.enum(['true', 'false']).default('false'),
      since: z.coerce.number().optional(),
      grep: z.string().max(LOG_TEXT_MAX).optional(),
      trace: z.string().max(LOG_TEXT_MAX).optional(),
    }),
    async handle({ input: { service, instance, tail, follow, since, grep, trace }, signal }) {
      const filter: LineFilter = {
        sinceEpochMs: since,
        contains: grep === undefined ? [] : [grep],
        containsAny: trace === undefined ? undefined : spellingsOf(trace),
      }
      const isWanted = (line: LogLine): boolean =>
        (service === undefined || line.service === service) &&
        (instance === undefined || line.instance === instance) &&
        isLineWanted(line.line, line.atEpochMs, filter)
      // Subscribed first: a line printed in between comes twice rather than never.
      const news = follow === 'true' ? followLines(logs, isWanted, signal) : undefined
      const names = service === undefined ? services() : [service]
      const past = (await Promise.all(names.map((name) => logs.last(name, tail, instance, filter)))).flat()
      return jsonStream(inTurn(past, news))
    },
  })
}

async function* inTurn<T>(past: readonly T[], news: AsyncIterable<T> | undefined): AsyncGenerator<T> {
  yield* past
  if (news !== undefined) yield* news
}
