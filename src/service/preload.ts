/**
 * Loaded before a Node service's own code (`NODE_OPTIONS=--import`): lets its servers keep idle connections longer than
 * the gateway does, makes SIGTERM end it in order, and reports how it is. Must work, or do nothing, in any program.
 */
import { subscribe } from 'node:diagnostics_channel'
import { createServer } from 'node:http'
import { isMainThread } from 'node:worker_threads'
import { systemClock } from '../core/clock.ts'
import { startProcessTelemetry } from './process-telemetry.ts'
import { installShutdown } from './shutdown.ts'

/** The gateway closes idle connections first; a server that did could cut a request that is just being sent. */
const KEEP_ALIVE_TIMEOUT_MS = 65_000

if (isMainThread) {
  installShutdown()
  const keepAliveTimeoutDefault = createServer().keepAliveTimeout
  let isServing = false
  subscribe('tracing:net.server.listen:asyncStart', (message) => {
    const { server } = message as { server: { keepAliveTimeout?: number } }
    // Whoever chose another value than Node's default meant it.
    if (server.keepAliveTimeout === keepAliveTimeoutDefault) server.keepAliveTimeout = KEEP_ALIVE_TIMEOUT_MS
    if (isServing) return
    isServing = true
    // Only what serves reports: not the `npm` that started it.
    report(process.env)
  })
}

function report(env: NodeJS.ProcessEnv): void {
  const { TENFOLD_TELEMETRY: socket, TENFOLD_TELEMETRY_TOKEN: token = '' } = env
  const { TENFOLD_SERVICE: service = '', TENFOLD_INSTANCE: instance = '' } = env
  if (socket === undefined) return
  startProcessTelemetry({ clock: systemClock, socket, token, service, instance })
}
