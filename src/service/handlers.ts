import type { Clock } from '../core/clock.ts'
import type { Component } from '../core/component.ts'
import { TenfoldError } from '../core/errors.ts'
import { startPersistently } from './start-persistently.ts'

/** What this process does with events and items. */
export interface Handlers {
  /**
   * Starts the one handler that a topic or a queue has here; resolves when it takes part.
   *
   * @throws TF_USAGE there is one already
   * @throws TF_ABORTED the process is about to leave
   */
  start(name: string, make: () => Component): Promise<void>
  stop(deadlineMs: number): Promise<void>
}

/** @param onJoined called when every handler so far takes part */
export function createHandlers({ clock, onJoined }: { clock: Clock; onJoined: () => void }): Handlers {
  const components = new Map<string, Component>()
  const stopped = new AbortController()
  let joining = 0
  return {
    async start(name, make) {
      if (stopped.signal.aborted) {
        throw new TenfoldError('TF_ABORTED', `expected to read ${name}, but the process is about to leave`)
      }
      if (components.has(name)) throw hasHandler(name)
      const component = make()
      components.set(name, component)
      joining++
      await startPersistently(component, { clock, signal: stopped.signal, what: `reading ${name}` })
      joining--
      if (joining === 0) onJoined()
    },
    async stop(deadlineMs) {
      stopped.abort()
      await Promise.all([...components.values()].map((component) => component.stop(deadlineMs)))
    },
  }
}

function hasHandler(name: string): TenfoldError {
  return new TenfoldError('TF_USAGE', `expected one handler for ${name}, got a second one`, {
    hint: 'do both in one handler; a topic can also be read by two services, each of which reads all of it',
    details: { name },
  })
}
