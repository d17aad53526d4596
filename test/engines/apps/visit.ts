import type { SystemSnapshot } from '../../../src/control/snapshot.ts'

const TRY_TIMEOUT_MS = 2_000
const VISITORS = 6
const ROUNDS = 20

/** What visitors ask for and expect. */
export interface Page {
  readonly path: string
  readonly contains: string
}

/** Asks the gateway for a page. */
export async function visit(url: string, { path, contains }: Page): Promise<void> {
  const response = await fetch(`${url}${path}`, { signal: AbortSignal.timeout(TRY_TIMEOUT_MS) })
  const body = await response.text()
  if (response.ok && body.includes(contains)) return
  throw new Error(`expected ${path} to contain ${contains}, got ${response.status}: ${body.slice(0, 500)}`)
}

/**
 * Which instances answer through the gateway. An unchanged program does not say which one it is, so all others are held
 * (SIGSTOP) meanwhile: whatever is answered then, this one has answered.
 */
export async function instancesThatAnswer(snapshot: SystemSnapshot, page: Page): Promise<readonly string[]> {
  const url = snapshot.gateway.url as string
  const instances = snapshot.services['web']!.instances
  const answering: string[] = []
  for (const one of instances) {
    const others = instances.filter(({ id }) => id !== one.id).map(({ pid }) => pid as number)
    for (let round = 0; round < ROUNDS && !answering.includes(one.id); round++) {
      signalGroups(others, 'SIGSTOP')
      try {
        await Promise.any(Array.from({ length: VISITORS }, () => visit(url, page)))
        answering.push(one.id)
      } catch {
        // All of them came to one that is held, or this one was not in the balancer yet.
      } finally {
        signalGroups(others, 'SIGCONT')
      }
    }
  }
  return answering
}

/** Each instance is a process group of its own. */
function signalGroups(pids: readonly number[], signal: 'SIGSTOP' | 'SIGCONT'): void {
  for (const pid of pids) process.kill(-pid, signal)
}
