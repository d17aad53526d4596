import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** A small program of `bench/`, running in a process of its own. */
export interface Program {
  readonly pid: number
  /** Its next line on standard output, parsed as JSON. Rejects when it ends without one. */
  next(): Promise<unknown>
  signal(signal: NodeJS.Signals): void
  stop(): Promise<void>
}

/** Starts `bench/<path>` with arguments; it dies with the signal. */
export function startProgram(path: string, args: readonly string[], signal: AbortSignal): Program {
  const file = fileURLToPath(new URL(path, import.meta.url))
  const child = spawn(process.execPath, ['--conditions=tenfold-source', file, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    signal,
    killSignal: 'SIGKILL',
  })
  child.on('error', () => undefined)
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    pid: child.pid ?? -1,
    async next() {
      const line = await lines.next()
      if (line.done === true) throw new Error(`expected ${path} to print a line, but it ended (is the port free?)`)
      return JSON.parse(line.value)
    },
    signal: (name) => void child.kill(name),
    stop: () => stopChild(child),
  }
}

/** What a foreign program printed, and the CPU time it used. */
export interface Timed {
  readonly output: string
  /** User and system time, children included. */
  readonly cpuSeconds: number
}

/** Runs a foreign program to its end under the shell's `times`, which counts all of its CPU time. */
export async function runTimed(command: string, args: readonly string[], signal: AbortSignal): Promise<Timed> {
  const child = spawn('sh', ['-c', '"$0" "$@" 2>&1; status=$?; times; exit $status', command, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    signal,
    killSignal: 'SIGKILL',
  })
  const chunks: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
  const [code] = await once(child, 'close')
  const output = Buffer.concat(chunks).toString()
  if (code !== 0) throw new Error(`expected ${command} to succeed, got exit code ${code}: ${output}`)
  return { output, cpuSeconds: childSeconds(output) }
}

/** The last line of `times`: user and system time of the children, like `0m1.25s 0m0.50s`. */
function childSeconds(output: string): number {
  const last = output.trimEnd().split('\n').at(-1) ?? ''
  return Array.from(last.matchAll(/(\d+)m([\d.]+)s/g)).reduce(
    (sum, [, minutes, seconds]) => sum + Number(minutes) * 60 + Number(seconds),
    0,
  )
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}
