import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { WorkerOrder } from './topics-worker.ts'

const WORKER = fileURLToPath(new URL('topics-worker.ts', import.meta.url))

/** Processes that work together. */
export interface Team {
  readonly members: readonly { readonly role: WorkerOrder['role'] }[]
  /** Kills one and starts another in its place. */
  replace(index: number): Promise<void>
  signal(index: number, signal: 'SIGSTOP' | 'SIGCONT'): void
  /** Tells those of a role to end, and waits until they have. */
  end(role: WorkerOrder['role']): Promise<void>
  kill(): void
}

export function startTeam(roles: readonly WorkerOrder['role'][], order: Omit<WorkerOrder, 'role'>): Team {
  const start = (role: WorkerOrder['role']): ChildProcess =>
    spawn(process.execPath, ['--conditions=tenfold-source', WORKER, JSON.stringify({ role, ...order })], {
      stdio: ['pipe', 'ignore', 'inherit'],
    })
  const members = roles.map((role) => ({ role, worker: start(role) }))
  return {
    members,
    async replace(index) {
      const member = members[index]!
      await stop(member.worker, 'SIGKILL')
      member.worker = start(member.role)
    },
    signal: (index, signal) => void members[index]!.worker.kill(signal),
    async end(role) {
      await Promise.all(members.filter((each) => each.role === role).map(({ worker }) => stop(worker, 'SIGTERM')))
    },
    kill() {
      for (const { worker } of members) worker.kill('SIGKILL')
    },
  }
}

async function stop(worker: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if (worker.exitCode !== null || worker.signalCode !== null) return
  const exit = once(worker, 'exit')
  worker.kill(signal)
  await exit
}
