import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe } from 'node:diagnostics_channel'
import type { IncomingMessage } from 'node:http'

/**
 * Lets what listens to the body of a request (`data`, `end`) run in the context of that request. Node calls it in that
 * of the connection, so that whatever a body parser goes on to would know neither the request's trace nor its deadline.
 * Call it after everything that sets a context when a request begins.
 */
export function installBodyContext(): void {
  subscribe('http.server.request.start', (message) => {
    const { request } = message as { request: IncomingMessage }
    if (!hasBody(request)) return
    const inContext = AsyncLocalStorage.snapshot()
    // oxlint-disable-next-line typescript/unbound-method -- called below with the `this` it had
    const emit = request.emit as (...args: unknown[]) => boolean
    request.emit = (...args: unknown[]) => inContext(() => Reflect.apply(emit, request, args))
  })
}

/** Whether a request says that a body follows. */
export function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}
