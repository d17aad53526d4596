import { z } from 'zod'
import type { RequestMatch } from '../blueprint/resolved-traffic.ts'
import type { ControlCommand } from '../control/control-command.ts'
import { controlCommand } from '../control/control-command.ts'
import type { RehearsalStatus } from '../control/snapshot.ts'
import type { Applier } from './apply.ts'
import { backupCommands } from './backup-commands.ts'
import { faultCommands } from './fault-commands.ts'
import type { Fault } from './faults.ts'
import type { JobPlace } from './jobs.ts'
import { queueCommands } from './queue-commands.ts'
import type { QueueOperating } from './queue-operating.ts'
import type { Releaser } from './releaser.ts'
import type { ScalingOutcome } from './system-autoscaler.ts'
import type { SystemDatabases } from './system-databases.ts'
import { shardCommands } from './shard-commands.ts'
import type { ShardOperating } from './shard-operating.ts'
import { topicCommands } from './topic-commands.ts'
import type { TopicOperating } from './topic-operating.ts'

/** What the commands of a running system act on. */
export interface CommandTargets {
  requestStop(): void
  /** @throws TF_NOT_RUNNING while the system starts; as `SystemScaler.scaleTo` */
  scale(service: string, count: number | 'auto'): ScalingOutcome
  showRehearsal(status: RehearsalStatus): void
  /** @throws TF_NOT_RUNNING while the system starts */
  applier(): Applier
  /** @throws TF_NOT_RUNNING while the system starts */
  releaser(): Releaser
  /** @throws TF_USAGE for a service that does not run, TF_SECRET_MISSING */
  job(service: string, id: string): Promise<JobPlace>
  /** Does to parts of the system what a disaster would; see `strikeProcesses`. */
  strike(ids: readonly string[], fault: Fault): readonly number[]
  /** Where a database, or a shard of it, is, password included. @throws TF_USAGE for one that does not run */
  databaseUrl(database: string, shard: number | undefined): string
  /**
   * Applies migrations that are new to a database, or lists them, by shard. Throws as `SystemDatabases.migrate`.
   */
  migrate(database: string, isDryRun: boolean, signal: AbortSignal): Promise<readonly object[]>
  databases(): Pick<SystemDatabases, 'backups' | 'restorePlace' | 'putRestored' | 'switchover'>
  /** @throws TF_USAGE where the database is not on several shards, or it is unclear which is meant */
  shards(database: string | undefined): ShardOperating
  topics(): TopicOperating
  queues(): QueueOperating
}

const SERVICES_MAX = 1_000
const WATCH_MS_MAX = 86_400_000

/** The commands of the control socket. */
export function systemCommands(targets: CommandTargets): Readonly<Record<string, ControlCommand>> {
  return {
    stop: controlCommand({
      input: z.strictObject({}),
      isAllowedUnaudited: true,
      run() {
        targets.requestStop()
        return { stopping: true }
      },
    }),
    scale: controlCommand({
      input: z.strictObject({ service: z.string(), count: z.union([z.number().int().min(0), z.literal('auto')]) }),
      run: ({ service, count }) => targets.scale(service, count),
    }),
    plan: controlCommand({
      input: z.strictObject({}),
      run: (_, { signal }) => targets.applier().plan(signal),
    }),
    apply: controlCommand({
      input: z.strictObject({ plan: z.string() }),
      run: ({ plan }, { signal }) => targets.applier().apply(plan, { signal }),
    }),
    release: controlCommand({
      input: z.strictObject({
        services: z.array(z.string()).max(SERVICES_MAX),
        canary: z
          .strictObject({
            share: z.number().min(0.001).max(0.9),
            holdMs: z.number().min(0).max(WATCH_MS_MAX),
            match: requestMatch.optional(),
          })
          .optional(),
        watchMs: z.number().min(0).max(WATCH_MS_MAX).optional(),
      }),
      run: (request, { signal }) => targets.releaser().release(request, signal),
    }),
    rollback: controlCommand({
      input: z.strictObject({
        services: z.array(z.string()).max(SERVICES_MAX),
        to: z
          .string()
          .regex(/^[0-9a-f]{4,64}$/, 'expected the first digits of a release')
          .optional(),
      }),
      run: ({ services, to }, { signal }) => targets.releaser().rollback({ services, to }, signal),
    }),
    job: controlCommand({
      input: z.strictObject({
        service: z.string(),
        id: z.string().regex(/^[\w-]{1,80}$/),
        // Only for the audit log: arguments may hold what is nobody's business.
        program: z.string(),
      }),
      run: ({ service, id }) => targets.job(service, id),
    }),
    database: controlCommand({
      input: z.strictObject({ name: z.string(), shard: z.number().int().min(0).optional() }),
      run: ({ name, shard }) => ({ url: targets.databaseUrl(name, shard) }),
    }),
    migrate: controlCommand({
      input: z.strictObject({ name: z.string().max(63), isDryRun: z.boolean() }),
      run: ({ name, isDryRun }, { signal }) => targets.migrate(name, isDryRun, signal),
    }),
    ...backupCommands(() => targets.databases()),
    ...shardCommands((database) => targets.shards(database)),
    ...topicCommands(() => targets.topics()),
    ...queueCommands(() => targets.queues()),
    ...faultCommands(targets),
    rehearsal: controlCommand({
      input: rehearsalStatus,
      run(status) {
        targets.showRehearsal(status)
        return {}
      },
    }),
  }
}

const nameOfHttp = z.string().regex(/^[!#$%&'*+.^_`|~0-9a-z-]{1,100}$/i)
const requestMatch: z.ZodType<RequestMatch> = z.strictObject({
  key: z.union([z.strictObject({ header: nameOfHttp.toLowerCase() }), z.strictObject({ cookie: nameOfHttp })]),
  value: z.string().regex(/^[!-~](?:[ -~]{0,198}[!-~])?$/),
})

const rehearsalStatus: z.ZodType<RehearsalStatus> = z.strictObject({
  id: z.string(),
  state: z.enum(['running', 'passed', 'failed', 'invalid', 'aborted']),
  startedEpochMs: z.number(),
  durationMs: z.number(),
  reportFile: z.string().optional(),
}) as z.ZodType<RehearsalStatus>
