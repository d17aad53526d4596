import { subscribe } from 'node:diagnostics_channel'
import type { Server as HttpServer } from 'node:http'
import type { Server } from 'node:net'
import { systemClock } from '../core/clock.ts'

/** Work to be done before the process ends. */
export type ShutdownHook = () => unknown

/** One for the process, also where the preload and the service use different copies of this package. */
interface Shutdown {
  readonly hooks: ShutdownHook[]
  readonly servers: Set<Server>
  isUnderWay: boolean
}

const IDLE_LOOK_MS = 50
const KEY = Symbol.for('tenfold.shutdown')
const holder = globalThis as { [KEY]?: Shutdown }

/**
 * Calls `hook` when the process is told to leave (SIGTERM), after its servers have answered what was in flight; the last
 * one added first. It may return a promise; what it throws is printed.
 *
 * @returns takes the hook out again
 * @example onShutdown(() => queue.close())
 */
export function onShutdown(hook: ShutdownHook): () => void {
  const { hooks } = installShutdown()
  hooks.push(hook)
  return () => {
    const at = hooks.indexOf(hook)
    if (at !== -1) hooks.splice(at, 1)
  }
}

/**
 * Makes SIGTERM end the process in order: servers stop listening and close idle connections, requests in flight are
 * answered, hooks run, the process exits. A program that handles SIGTERM itself closes its servers and exits itself;
 * the hooks then run when its servers have closed.
 */
export function installShutdown(): Shutdown {
  const existing = holder[KEY]
  if (existing !== undefined) return existing
  const shutdown: Shutdown = { hooks: [], servers: new Set(), isUnderWay: false }
  holder[KEY] = shutdown
  subscribe('tracing:net.server.listen:asyncStart', (message) => {
    const { server } = message as { server: Server }
    shutdown.servers.add(server)
    server.once('close', () => shutdown.servers.delete(server))
  })
  subscribe('tracing:net.server.listen:error', (message) => {
    shutdown.servers.delete((message as { server: Server }).server)
  })
  process.on('SIGTERM', () => void leave(shutdown))
  return shutdown
}

async function leave(shutdown: Shutdown): Promise<void> {
  if (shutdown.isUnderWay) return
  shutdown.isUnderWay = true
  const isOurs = process.listenerCount('SIGTERM') === 1
  await Promise.all([...shutdown.servers].map(isOurs ? closeServer : hasClosed))
  for (const hook of shutdown.hooks.toReversed()) {
    try {
      await hook()
    } catch (error) {
      process.stderr.write(`tenfold: a shutdown hook failed: ${error instanceof Error ? error.stack : String(error)}\n`)
    }
  }
  if (isOurs) process.exit()
}

/**
 * `close` of an HTTP server closes the connections that are idle then; those whose answer ends later would wait for
 * another request until their keep-alive time is over.
 */
async function closeServer(server: Server | HttpServer): Promise<void> {
  const closed = hasClosed(server)
  server.close()
  const cancel = systemClock.every(IDLE_LOOK_MS, () => {
    if ('closeIdleConnections' in server) server.closeIdleConnections()
  })
  await closed
  cancel()
}

function hasClosed(server: Server): Promise<void> {
  return new Promise((resolve) => void server.once('close', () => resolve()))
}
