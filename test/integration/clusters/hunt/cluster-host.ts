import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { systemClock, withTimeout } from '../../../../src/core/clock.ts'
import type { HostLine, HostOptions, HostStatus } from './hosted-cluster.ts'

/** The control plane of one cluster in a process of its own, and whoever comes after it. */
export interface ClusterHost {
  /** The last word of the process that runs, or of the one before. */
  readonly status: HostStatus | undefined
  readonly isRunning: boolean
  /** Whether the word is that of the process that runs. */
  readonly hasSpoken: boolean
  start(): void
  /** kill -9; servers live on. */
  kill(): Promise<void>
  /** Asks for a switch-over; resolves with the reason when it is refused, or nobody is there to do it. */
  switchOver(): Promise<string | undefined>
  /** Ends the cluster in order, and resolves with what the process has said of troubles. */
  stop(): Promise<string>
}

const PROGRAM = fileURLToPath(new URL('hosted-cluster.ts', import.meta.url))
/** A fast shutdown may wait half a minute for a follower that is stopped, and again for another one. */
const STOP_MS_MAX = 120_000

/** @param onStatus called at each change */
export function createClusterHost(options: HostOptions, onStatus: (status: HostStatus) => void): ClusterHost {
  let child: ChildProcess | undefined
  let status: HostStatus | undefined
  let hasSpoken = false
  let troubles = ''
  /** Who waits for an answer, in the order of their questions. */
  let switching: ((refused: string | undefined) => void)[] = []

  function hear(line: HostLine): void {
    if (line.kind === 'switched') return switching.shift()?.(line.refused)
    hasSpoken = true
    status = line.status
    onStatus(status)
  }

  const isRunning = (): boolean => child !== undefined && child.exitCode === null && child.signalCode === null

  return {
    get status() {
      return status
    },
    get isRunning() {
      return isRunning()
    },
    get hasSpoken() {
      return isRunning() && hasSpoken
    },
    start() {
      if (isRunning()) return
      hasSpoken = false
      const started = spawn(process.execPath, ['--conditions=tenfold-source', PROGRAM, JSON.stringify(options)], {
        stdio: ['pipe', 'pipe', 'pipe'],
      })
      createInterface({ input: started.stdout }).on('line', (line) => hear(JSON.parse(line) as HostLine))
      started.stderr.on('data', (chunk) => (troubles += String(chunk)))
      started.stdin.on('error', () => undefined)
      started.once('exit', () => {
        for (const answer of switching) answer('the control plane is gone')
        switching = []
      })
      child = started
    },
    async kill() {
      if (!isRunning()) return
      child!.kill('SIGKILL')
      await once(child!, 'exit')
    },
    switchOver() {
      if (!isRunning()) return Promise.resolve('the control plane is gone')
      const { promise, resolve } = Promise.withResolvers<string | undefined>()
      switching.push(resolve)
      child!.stdin!.write('switchover\n')
      return promise
    },
    async stop() {
      if (isRunning()) {
        const gone = once(child!, 'exit')
        child!.stdin!.end()
        await withTimeout(systemClock, STOP_MS_MAX, 'the cluster to stop', gone)
      }
      const said = troubles
      troubles = ''
      return said
    },
  }
}
