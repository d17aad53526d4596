import type { ChildUser } from '../core/child-user.ts'
import type { Clock } from '../core/clock.ts'
import { sleep } from '../core/clock.ts'
import { TenfoldError } from '../core/errors.ts'
import { unlessAborted } from '../core/unless-aborted.ts'
import type { ResourceLimits } from '../core/resource-limits.ts'
import type { Subprocess, Subprocesses, SubprocessOptions } from '../core/subprocess.ts'
import { openSession } from '../sql/session.ts'
import { readPostmasterFile } from './postmaster-file.ts'
import type { PostgresBinaries } from './postgres-binaries.ts'
import type { ServerSettings } from './server-settings.ts'
import { serverArguments } from './server-settings.ts'
import { explainFailure, readLogTail, sizeOf } from './start-failure.ts'

/** How a server is started. */
export interface PostmasterOptions {
  readonly name: string
  readonly settings: ServerSettings
  readonly binaries: PostgresBinaries
  readonly subprocesses: Subprocesses
  readonly user: ChildUser | undefined
  readonly limits: ResourceLimits | undefined
  readonly logFile: string
  readonly clock: Clock
  /** For the superuser; answers once the server accepts connections. */
  readonly adminUrl: string
  readonly startTimeoutMs: number
  readonly signal: AbortSignal
}

const POLL_MS = 10
const QUIT_MS = 2_000
/** For a server that runs to answer a query, however busy it is. */
const ANSWER_MS = 30_000

/**
 * Starts a server and waits until it answers a query.
 *
 * It starts and recovers without its CPU limit; whoever asked puts the limit back.
 *
 * @throws TF_PORT_TAKEN, TF_DISK_FULL, TF_CLUSTER_START_FAILED with the last lines of the log; nothing runs then
 */
export async function startPostmaster(options: PostmasterOptions): Promise<Subprocess> {
  const logStart = await sizeOf(options.logFile)
  const server = await options.subprocesses.spawn(subprocessOf(options))
  server.limitCpu(false)
  try {
    await untilReady(server, options, logStart)
    return server
  } catch (error) {
    await stopPostmaster(server, options.clock, 0)
    throw error
  }
}

/**
 * Takes over the server of an earlier run if it is the one that `startPostmaster` would start, and answers. Undefined
 * when there is none; then whatever runs there has to be ended first.
 */
export async function adoptPostmaster(options: PostmasterOptions): Promise<Subprocess | undefined> {
  const server = await options.subprocesses.adopt(subprocessOf(options))
  if (server === undefined) return undefined
  try {
    const file = await readPostmasterFile(options.settings.dataDirectory)
    // One that was ready before and does not answer now hangs; any other may still be recovering.
    const patienceMs = file?.status === 'ready' ? ANSWER_MS : Infinity
    const startTimeoutMs = Math.min(options.startTimeoutMs, patienceMs)
    await untilReady(server, { ...options, startTimeoutMs }, await sizeOf(options.logFile))
    return server
  } catch {
    await stopPostmaster(server, options.clock, 0)
    options.signal.throwIfAborted()
    return undefined
  }
}

function subprocessOf(options: PostmasterOptions): SubprocessOptions {
  const { name, binaries, settings, user, limits, logFile } = options
  const args = serverArguments(settings)
  return {
    name,
    command: binaries.postgres,
    args,
    env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
    cwd: '/',
    user,
    limits,
    outputFile: logFile,
    stopSignal: 'SIGINT',
    handover: { sameness: JSON.stringify([binaries.postgres, args, user, limits]), notes: {} },
  }
}

/**
 * Fast shutdown (sessions are cut off, everything is written), then, after the deadline, immediate shutdown (the next
 * start recovers), then kill.
 */
export async function stopPostmaster(server: Subprocess, clock: Clock, deadlineMs: number): Promise<void> {
  if (server.leave()) return
  if (deadlineMs > 0) {
    server.signal('SIGINT')
    if (await endsWithin(server, clock, deadlineMs)) return
  }
  server.signal('SIGQUIT')
  if (await endsWithin(server, clock, QUIT_MS)) return
  await server.stop(0)
}

async function endsWithin(server: Subprocess, clock: Clock, limitMs: number): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<boolean>()
  const cancel = clock.schedule(limitMs, () => resolve(false))
  const isGone = await Promise.race([server.exited.then(() => true), late])
  cancel()
  // `stop` also waits for the back ends, which have sessions of their own.
  if (isGone) await server.stop(limitMs)
  return isGone
}

async function untilReady(server: Subprocess, options: PostmasterOptions, logStart: number): Promise<void> {
  const { clock, signal, settings } = options
  let hasExited = false
  const exited = server.exited.then((exit) => {
    hasExited = true
    return exit
  })
  const deadlineMs = clock.nowMs() + options.startTimeoutMs
  while (clock.nowMs() < deadlineMs) {
    signal.throwIfAborted()
    if (hasExited) {
      throw explainFailure(options.name, await exited, await readLogTail(options.logFile, logStart), options.logFile)
    }
    const file = await readPostmasterFile(settings.dataDirectory)
    const isOurs = file?.pid === server.identity.pid
    const isReady = isOurs && file.status === 'ready'
    // One that hangs must not hold up whoever has lost patience.
    if (isReady && (await unlessAborted(answers(options), signal, `${options.name} to answer`))) return
    await sleep(clock, POLL_MS)
  }
  throw new TenfoldError(
    'TF_CLUSTER_START_FAILED',
    `expected ${options.name} to accept connections within ${options.startTimeoutMs} ms`,
    { hint: `read ${options.logFile}; a long recovery needs a longer startTimeout` },
  )
}

async function answers(options: PostmasterOptions): Promise<boolean> {
  try {
    const session = await openSession({
      url: options.adminUrl,
      applicationName: 'tenfold readiness',
      connectTimeoutMs: 5_000,
      statementTimeoutMs: 5_000,
    })
    await session.query('select 1')
    await session.close()
    return true
  } catch (error) {
    // A wrong password will not become right by waiting.
    if (error instanceof Error && 'code' in error && error.code === '28P01') throw error
    return false
  }
}
