import { sleep, systemClock } from '../../src/core/clock.ts'
import { messageOf } from '../../src/core/errors.ts'

/** Clients of a service whose answers say which release gave them. */
export interface ReleaseTraffic {
  readonly url: string
  /** Names of the releases that have answered since the last call. */
  seen(): ReadonlySet<string>
  /** What failed since the last call. */
  failed(): readonly string[]
  readonly requests: number
  stop(): Promise<void>
}

const CLIENTS = 4

/** Asks with methods that may be repeated and no body, one request after the other in each of a few clients. */
export function startReleaseTraffic(url: string): ReleaseTraffic {
  const over = new AbortController()
  let seen = new Set<string>()
  let failed: string[] = []
  let requests = 0

  async function client(first: number): Promise<void> {
    for (let count = first; !over.signal.aborted; count++) {
      const method = count % 3 === 0 ? 'DELETE' : 'GET'
      const headers: Record<string, string> = count % 7 === 0 ? { 'x-canary': '1' } : {}
      try {
        const signal = AbortSignal.timeout(30_000)
        const answer = await fetch(`${url}/?ms=${(count * 37) % 200}`, { method, headers, signal })
        const text = await answer.text()
        if (answer.ok) seen.add((JSON.parse(text) as { release: string }).release)
        else failed.push(`${method} was answered with ${answer.status}: ${text}`)
      } catch (error) {
        failed.push(`${method} failed: ${messageOf(error)}`)
        await sleep(systemClock, 100)
      }
      requests += 1
    }
  }

  const clients = Array.from({ length: CLIENTS }, (_, index) => client(index * 100))
  return {
    url,
    get requests() {
      return requests
    },
    seen() {
      const all = seen
      seen = new Set()
      return all
    },
    failed() {
      const all = failed
      failed = []
      return all
    },
    async stop() {
      over.abort()
      await Promise.all(clients)
    },
  }
}
