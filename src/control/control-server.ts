import { z } from 'zod'
import type { Clock } from '../core/clock.ts'
import type { Component } from '../core/component.ts'
import { createAuditLog } from './audit-log.ts'
import type { CommandRequest, CommandRunner } from './command-runner.ts'
import { createCommandRunner } from './command-runner.ts'
import type { ControlCommand } from './control-command.ts'
import type { FrameStore } from './frame-store.ts'
import type { JsonRoute } from './json-route.ts'
import { jsonRoute, jsonStream } from './json-route.ts'
import { createJsonSocket } from './json-socket.ts'
import type { SnapshotStore } from './snapshot-store.ts'

/** @see createControlServer */
export interface ControlServerOptions {
  /** Where to listen: `StateDirectory.controlSocket`. */
  readonly socket: string
  /** `StateDirectory.auditFile` */
  readonly auditFile: string
  readonly snapshots: SnapshotStore
  readonly frames: FrameStore
  /** What clients can ask for, by name. */
  readonly commands: Readonly<Record<string, ControlCommand>>
  readonly clock: Clock
}

/** The longest that a request for a newer snapshot waits. */
export const SNAPSHOT_WAIT_MS_MAX = 60_000

/**
 * The control socket of a running system, for its owner alone: the snapshot, commands, and metric frames. The protocol
 * is in `docs/internals/control-protocol.md`; clients use `connectControl`.
 *
 * `start` throws as `createJsonSocket`; `stop` ends watches and waits for running commands until the deadline.
 */
export function createControlServer(options: ControlServerOptions): Component {
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
    },
  })
  return {
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
      return jsonStream(oneByOne(frames.since(input.since ?? Number.NEGATIVE_INFINITY)))
    },
  })
}

async function* oneByOne<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items
}
