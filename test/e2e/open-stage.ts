import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { connectControl } from '../../src/control/control-client.ts'
import type { SystemSnapshot } from '../../src/control/snapshot.ts'
import { sleep, systemClock } from '../../src/core/clock.ts'
import { hasCode } from '../../src/core/errors.ts'
import type { Guardian } from '../../src/core/guardian-link.ts'
import { createGuardian } from '../../src/core/guardian-link.ts'
import type { ProcessRow } from '../../src/core/process-identity.ts'
import { identifyProcess, isRunning, signalProcess } from '../../src/core/process-identity.ts'
import { environmentOf, readProcessTable, RUN_VARIABLE } from '../../src/core/process-table.ts'
import { uniqueId } from '../../src/core/random.ts'
import { reapLeftovers } from '../../src/core/reap-leftovers.ts'

/** The checkout that is tried. */
export const CHECKOUT = fileURLToPath(new URL('../..', import.meta.url))
const LAUNCHER = join(CHECKOUT, 'bin/tenfold.js')

/** A directory with a blueprint in it, and the command line of Tenfold, as a stranger has them. */
export interface Stage {
  /** It has a space in its name, and is removed after the test with everything that runs of it. */
  readonly directory: string
  write(files: Readonly<Record<string, string>>): void
  /** Runs `tenfold ARGS` in the directory. */
  tenfold(args: readonly string[], options?: RunOptions): Run
  /** As `tenfold`, and waits for its end. */
  end(args: readonly string[], options?: RunOptions): Promise<Ended>
  /** What runs of the stage and is not one of its command lines: `pid command`. */
  leftovers(): readonly string[]
  /** The state directory of a system. */
  state(system?: string): string
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly cwd?: string
  /** What runs in place of `node bin/tenfold.js`, before the arguments. */
  readonly program?: readonly string[]
  readonly timeoutMs?: number
  /** Runs as this account; only root can. The directory has to be theirs. */
  readonly user?: { readonly uid: number; readonly gid: number }
}

/** A command line that has ended. */
export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly out: string
  readonly err: string
}

/** A command line that runs. */
export interface Run {
  readonly process: ChildProcess
  readonly ended: Promise<Ended>
  out(): string
  err(): string
  /** Waits until it has said something, on either stream; fails when it ends without. */
  says(pattern: RegExp, timeoutMs?: number): Promise<void>
  signal(signal: NodeJS.Signals): void
}

/** For a test with a few starts in it, on such a machine. */
export const TEST_TIMEOUT_MS = 180_000
/** The time that a start takes on a machine that does ten other things. */
const END_TIMEOUT_MS = 90_000
/** A look can cost more than what is waited for: a command line, or the process table of the machine. */
const LOOK_AGAIN_MS = 25
const LOOK_AGAIN_MS_MAX = 100

/** Carried by every command line that is tried here, and by what it starts in the background. */
const RUN_TOKEN = `e2e-${uniqueId()}`
/** Ends them when the tests are killed; it goes when they do. */
let guardian: Guardian | undefined

/** @see openStage */
export interface StageOptions {
  /** @default a new one among the temporary files */
  readonly directory?: string
  /** @default 0o755 */
  readonly mode?: number
}

/** A stage that has to be closed. */
export function openStage(
  files: Readonly<Record<string, string>> = {},
  options: StageOptions = {},
): Stage & { close(): Promise<void> } {
  const directory = options.directory ?? realpathSync(mkdtempSync(join(tmpdir(), 'tenfold e2e ')))
  // As a project's directory is; under root, children that run as somebody else pass through it.
  chmodSync(directory, options.mode ?? 0o755)
  const runs: Run[] = []
  const tokens = new Set<string>()

  const states = (): readonly string[] => {
    try {
      const parent = join(directory, '.tenfold')
      return readdirSync(parent)
        .filter((name) => !name.startsWith('.'))
        .map((name) => join(parent, name))
    } catch {
      return []
    }
  }

  /** Everything that carries the mark of a run of the stage, names its directory or is in it. */
  const processes = (): readonly ProcessRow[] => {
    for (const state of states()) {
      const record = readJson(join(state, 'processes.json')) as { runToken?: string } | undefined
      if (record?.runToken !== undefined) tokens.add(record.runToken)
    }
    const ours = new Set([process.pid, ...runs.map((run) => run.process.pid)])
    return readProcessTable().filter(
      (row) =>
        !ours.has(row.pid) &&
        isRunning(row) &&
        (tokens.has(environmentOf(row.pid, RUN_VARIABLE) ?? '') ||
          commandOf(row.pid).includes(directory) ||
          directoryOf(row.pid).startsWith(directory)),
    )
  }

  const endControlPlanes = (): void => {
    for (const run of runs) run.signal('SIGKILL')
    for (const row of processes()) if (directoryOf(row.pid) === directory) signalProcess(row, 'SIGKILL')
  }
  // When the whole run of tests is cut short.
  process.once('exit', endControlPlanes)
  const close = async (): Promise<void> => {
    process.removeListener('exit', endControlPlanes)
    // First those that would start again what is ended.
    endControlPlanes()
    await Promise.all(runs.map((run) => run.ended))
    for (const state of states()) await reapLeftovers(join(state, 'processes.json')).catch(() => undefined)
    for (const row of processes()) signalProcess(row, 'SIGKILL')
    for (const state of states()) {
      const record = readJson(join(state, 'state.json')) as
        | { outside?: { path: string }; runtimeDirectory?: string; childRuntimeDirectory?: string }
        | undefined
      for (const place of [record?.outside?.path, record?.runtimeDirectory, record?.childRuntimeDirectory]) {
        if (place !== undefined) rmSync(place, { recursive: true, force: true })
      }
    }
    rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  }

  const self = {
    directory,
    close,
    write: (more: Readonly<Record<string, string>>) => writeTree(directory, more),
    tenfold(args: readonly string[], runOptions: RunOptions = {}) {
      const run = start(directory, args, runOptions)
      runs.push(run)
      const identity = identifyProcess(run.process.pid ?? 0)
      guardian ??= createGuardian(RUN_TOKEN)
      if (identity !== undefined) void guardian.watch({ ...identity, stopSignal: 'SIGTERM', controlGroups: [] })
      return run
    },
    end: (args: readonly string[], runOptions?: RunOptions) => self.tenfold(args, runOptions).ended,
    leftovers: () => processes().map(({ pid }) => `${pid} ${commandOf(pid)}`),
    state: (system = 'shop') => join(directory, '.tenfold', system),
  }
  writeTree(directory, files)
  return self
}

function start(directory: string, args: readonly string[], options: RunOptions): Run {
  const { program = [process.execPath, LAUNCHER], timeoutMs = END_TIMEOUT_MS } = options
  const child = spawn(program[0]!, [...program.slice(1), ...args], {
    cwd: options.cwd ?? directory,
    env: {
      ...process.env,
      // A person's terminal has colours, also when the tests run where there is none.
      CI: undefined,
      FORCE_COLOR: undefined,
      NO_COLOR: undefined,
      TERM: 'xterm-256color',
      VITEST: undefined,
      [RUN_VARIABLE]: RUN_TOKEN,
      ...options.env,
    },
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
    ...options.user,
  })
  const text = { out: '', err: '' }
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text.out += chunk))
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (text.err += chunk))
  child.stdin.on('error', () => undefined)
  let hasEnded = false
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve({ code, signal, out: text.out, err: text.err }))
  }).finally(() => {
    hasEnded = true
    cancel()
  })
  const cancel = systemClock.schedule(timeoutMs, () => child.kill('SIGKILL'))
  return {
    process: child,
    ended,
    out: () => text.out,
    err: () => text.err,
    async says(pattern, waitMs = END_TIMEOUT_MS) {
      const isSaid = (): boolean => pattern.test(`${text.out}\n${text.err}`)
      const over = Promise.withResolvers<void>()
      const look = (): void => void (isSaid() && over.resolve())
      const streams = [child.stdout, child.stderr]
      for (const stream of streams) stream.on('data', look)
      const cancelGivingUp = systemClock.schedule(waitMs, () => over.resolve())
      void ended.finally(() => over.resolve()).catch(() => undefined)
      look()
      await over.promise
      cancelGivingUp()
      for (const stream of streams) stream.off('data', look)
      if (!isSaid()) throw new Error(`expected ${args.join(' ')} to say ${pattern}, got: ${text.out}\n${text.err}`)
    },
    signal: (signal) => void (hasEnded || child.kill(signal)),
  }
}

/** Writes files below a directory, and the directories that they need. */
export function writeTree(root: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
}

/** Waits until something is so. */
export async function eventually(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  timeoutMs = 60_000,
): Promise<void> {
  const giveUpMs = systemClock.nowMs() + timeoutMs
  for (let waitMs = LOOK_AGAIN_MS; !(await isSo()); waitMs = Math.min(2 * waitMs, LOOK_AGAIN_MS_MAX)) {
    if (systemClock.nowMs() > giveUpMs) throw new Error(`expected ${what} within ${timeoutMs} ms`)
    await sleep(systemClock, waitMs)
  }
}

/** The snapshot of the system that runs on a stage; undefined when none does. */
export async function snapshotOf(on: Stage): Promise<SystemSnapshot | undefined> {
  try {
    return await connectControl(on.state()).snapshot()
  } catch (error) {
    if (hasCode(error, 'TF_NOT_RUNNING') || hasCode(error, 'TF_CONTROL_UNREACHABLE')) return undefined
    throw error
  }
}

/** The base URL that a command line has printed. */
export function urlIn(text: string): string {
  const url = /http:\/\/[\w.:-]+/.exec(text)?.[0]
  if (url === undefined) throw new Error(`expected a URL in ${JSON.stringify(text)}`)
  return url
}

/** The JSON that a service of the stage answers with. */
export async function ask<Answer = Record<string, unknown>>(url: string, path = '/'): Promise<Answer> {
  const response = await fetch(`${url}${path}`, { signal: AbortSignal.timeout(10_000) })
  return (await response.json()) as Answer
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
  } catch {
    return ''
  }
}

/** Where a process works; empty if we may not know. */
function directoryOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`)
  } catch {
    return ''
  }
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return undefined
  }
}
