import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe } from 'node:diagnostics_channel'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../core/clock.ts'
import { parseRequestTimeout, REQUEST_TIMEOUT_HEADER } from '../core/request-timeout.ts'
import { hasBody } from './body-context.ts'

/** Until when somebody waits for the answer to a request, on the monotonic clock of this process. */
interface RequestDeadline {
  dueMs: number
}

/** One for the process, also where the preload and the service use different copies of this package. */
const KEY = Symbol.for('tenfold.deadline')
const holder = globalThis as { [KEY]?: AsyncLocalStorage<RequestDeadline> }

/** What is left of the request that is being handled; Infinity outside of one, and where nobody said how long. */
export function requestTimeLeftMs(clock: Clock): number {
  return (holder[KEY]?.getStore()?.dueMs ?? Infinity) - clock.nowMs()
}

/**
 * Follows the deadline of each request that this process serves through everything that the request causes. It counts
 * from the moment the request, or the last byte of its body, has come; what goes on after the answer has none.
 */
export function installRequestDeadlines(clock: Clock): void {
  if (holder[KEY] !== undefined) return
  const storage = new AsyncLocalStorage<RequestDeadline>()
  holder[KEY] = storage
  subscribe('http.server.request.start', (message) => {
    const { request, response } = message as { request: IncomingMessage; response: ServerResponse }
    const { [REQUEST_TIMEOUT_HEADER]: value } = request.headers
    const timeoutMs = parseRequestTimeout(typeof value === 'string' ? value : undefined)
    const deadline: RequestDeadline = { dueMs: timeoutMs === undefined ? Infinity : clock.nowMs() + timeoutMs }
    // In any case: the request before on this connection has left its own there.
    storage.enterWith(deadline)
    if (timeoutMs === undefined) return
    // As in the gateway, where an upload that moves is not late.
    if (hasBody(request)) request.once('end', () => (deadline.dueMs = clock.nowMs() + timeoutMs))
    response.once('finish', () => (deadline.dueMs = Infinity))
  })
}
