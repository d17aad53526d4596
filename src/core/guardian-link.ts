import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { TenfoldError } from './errors.ts'
import type { ProcessIdentity } from './process-identity.ts'

/** Somebody the guardian takes down when we die. */
export interface Ward extends ProcessIdentity {
  readonly stopSignal: 'SIGTERM' | 'SIGINT'
  /** Whoever is inside belongs to it. */
  readonly controlGroups: readonly string[]
}

/** A line of the guardian's input, as JSON. */
export type GuardianMessage =
  | { readonly type: 'run'; readonly runToken: string }
  | { readonly type: 'watch'; readonly ward: Ward }
  | { readonly type: 'forget'; readonly pid: number }

/** Our end of the guardian process. */
export interface Guardian {
  /** Resolves when the guardian is alive and has been told; from then on our death is the ward's, too. */
  watch(ward: Ward): Promise<void>
  forget(pid: number): void
  /** Lets it go; whoever it still watches is taken down. Resolves when it has left. */
  close(): Promise<void>
}

/** A guardian that somebody keeps killing is a fault to report, not to repair for ever. */
const RESTARTS_MAX = 5

/** Starts the guardian with the first ward, and again (with all wards) when somebody kills it. */
export function createGuardian(runToken: string): Guardian {
  return new GuardianLink(runToken)
}

class GuardianLink implements Guardian {
  readonly #runToken: string
  readonly #wards = new Map<number, Ward>()
  #restartsLeft = RESTARTS_MAX
  #isClosed = false
  #running: Promise<ChildProcess> | undefined

  constructor(runToken: string) {
    this.#runToken = runToken
  }

  async watch(ward: Ward): Promise<void> {
    this.#wards.set(ward.pid, ward)
    try {
      await send(await (this.#running ?? this.#start()), { type: 'watch', ward })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error
      // It was killed a moment ago. The next one is told of every ward when it starts.
      await this.#start()
    }
  }

  forget(pid: number): void {
    this.#wards.delete(pid)
    // A guardian that is dead meanwhile is started again without this ward.
    this.#running?.then((child) => send(child, { type: 'forget', pid })).catch(() => {})
  }

  async close(): Promise<void> {
    this.#isClosed = true
    const child = await this.#running?.catch(() => undefined)
    this.#running = undefined
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const left = new Promise((resolve) => child.once('exit', resolve))
    child.ref()
    child.stdin?.end()
    await left
  }

  #start(): Promise<ChildProcess> {
    const running = this.#launch()
    this.#running = running
    running.then(
      (child) => child.once('exit', () => this.#onExit(running)),
      // Whoever starts the next child meets the same failure, and reports it.
      () => this.#forgetGuardian(running),
    )
    return running
  }

  async #launch(): Promise<ChildProcess> {
    const child = spawn(process.execPath, [scriptPath()], {
      detached: true,
      cwd: '/',
      env: {},
      stdio: ['pipe', 'pipe', 'ignore'],
    })
    child.stdin?.on('error', () => {}) // It was killed: 'exit' comes next and starts another.
    // Told at once: the pipe keeps it until the guardian can read, so we may die before it is ready.
    const messages: GuardianMessage[] = [{ type: 'run', runToken: this.#runToken }]
    for (const ward of this.#wards.values()) messages.push({ type: 'watch', ward })
    await Promise.all([isReady(child), ...messages.map((message) => send(child, message))])
    for (const stream of [child, child.stdin, child.stdout]) (stream as { unref?(): void } | null)?.unref?.()
    return child
  }

  #onExit(running: Promise<ChildProcess>): void {
    const isReplaced = this.#running !== running
    this.#forgetGuardian(running)
    if (isReplaced || this.#isClosed || this.#wards.size === 0 || this.#restartsLeft === 0) return
    this.#restartsLeft--
    void this.#start()
  }

  #forgetGuardian(running: Promise<ChildProcess>): void {
    if (this.#running === running) this.#running = undefined
  }
}

/** The program beside this file: TypeScript in a checkout, JavaScript in the package. */
function scriptPath(): string {
  return fileURLToPath(new URL(`./guardian${extname(import.meta.url)}`, import.meta.url))
}

function isReady(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (got: string, cause?: unknown): void =>
      reject(
        new TenfoldError('TF_SPAWN_FAILED', `expected the guardian process to start, got ${got}`, {
          hint: `run "${process.execPath} ${scriptPath()} < /dev/null" and see what it says`,
          cause,
        }),
      )
    child.once('error', (error) => fail(error.message, error))
    child.once('exit', (code, signal) => fail(`its end with ${signal ?? `code ${code}`}`))
    child.stdout?.once('data', () => resolve())
  })
}

function send(child: ChildProcess, message: GuardianMessage): Promise<void> {
  return new Promise((resolve, reject) => {
    child.stdin?.write(`${JSON.stringify(message)}\n`, (error) => (error ? reject(error) : resolve()))
  })
}
