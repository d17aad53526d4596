/**
 * Loaded before a Node service's own code (`NODE_OPTIONS=--import`): makes its servers listen where the gateway calls,
 * lets them keep idle connections longer than the gateway does, makes SIGTERM end it in order, and reports how it is. Must work, or do nothing, in any program.
 */
import { subscribe } from 'node:diagnostics_channel'
import nodeModule, { createRequire } from 'node:module'
import { isMainThread } from 'node:worker_threads'
import { systemClock } from '../core/clock.ts'
import { installBodyContext } from './body-context.ts'
import { watchForListeningElsewhere } from './listening-elsewhere.ts'
import { installPortMove } from './moved-port.ts'
import { installRequestDeadlines } from './request-deadline.ts'
import { startProcessTelemetry } from './process-telemetry.ts'
import { installRequestTracing } from './request-tracing.ts'
import { installShutdown } from './shutdown.ts'

/** The gateway closes idle connections first; a server that did could cut a request that is just being sent. */
const KEEP_ALIVE_TIMEOUT_MS = 65_000

/** A command may bring a Node of its own, and an import by a name that it does not have would end the program. */
const nodeSince22: Partial<Pick<typeof nodeModule, 'flushCompileCache'>> = nodeModule

const { PORT = '', HOST = '127.0.0.1', TENFOLD_LISTENS_ON: ownPort } = process.env
const port = Number(PORT)
// Servers of worker threads, too: these load this file as well.
if (port > 0) installPortMove({ from: ownPort === undefined ? undefined : Number(ownPort), to: port, host: HOST })

if (isMainThread) {
  if (port > 0) watchForListeningElsewhere({ port, clock: systemClock, say: (text) => process.stderr.write(text) })
  installShutdown()
  installRequestDeadlines(systemClock)
  let keepAliveTimeoutDefault: number | undefined
  let isServing = false
  subscribe('tracing:net.server.listen:asyncStart', (message) => {
    const { server } = message as { server: { keepAliveTimeout?: number } }
    keepAliveTimeoutDefault ??= requireHttp().createServer().keepAliveTimeout
    // Whoever chose another value than Node's default meant it.
    if (server.keepAliveTimeout === keepAliveTimeoutDefault) server.keepAliveTimeout = KEEP_ALIVE_TIMEOUT_MS
    if (isServing) return
    isServing = true
    // Only what serves reports: not the `npm` that started it.
    report(process.env)
    installBodyContext()
    // Node would do so when it exits; the next instance starts while this one still serves.
    nodeSince22.flushCompileCache?.()
  })
}

/** An import would load all that `node:http` has to offer, "fetch" too: 50 ms of each start. */
function requireHttp(): typeof import('node:http') {
  return createRequire(import.meta.url)('node:http') as typeof import('node:http')
}

function report(env: NodeJS.ProcessEnv): void {
  const { TENFOLD_TELEMETRY: socket, TENFOLD_TELEMETRY_TOKEN: token = '' } = env
  const { TENFOLD_SERVICE: service = '', TENFOLD_INSTANCE: instance = '' } = env
  if (socket === undefined) return
  const telemetry = startProcessTelemetry({ clock: systemClock, socket, token, service, instance })
  const urls = Object.entries(env).flatMap(([name, url]) => (name.startsWith('TENFOLD_URL_') ? [url ?? ''] : []))
  installRequestTracing({ service, instance, clock: systemClock, urls, add: (span) => telemetry.addSpan(span) })
}
