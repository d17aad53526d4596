import type { ClientRequest, IncomingMessage } from 'node:http'
import { request as httpRequest } from 'node:http'
import type { Clock } from '../core/clock.ts'
import { systemClock } from '../core/clock.ts'
import type { ErrorCode } from '../core/error-codes.ts'
import { ERROR_CODES } from '../core/error-codes.ts'
import { messageOf, TenfoldError } from '../core/errors.ts'
import { assertSocketPath } from './socket-path.ts'

/** Options of one request. */
export interface JsonSocketRequestOptions {
  /** Gives the request up. */
  readonly signal?: AbortSignal | undefined
  /** Time to the whole answer; for a stream, to its head. @default 10000 */
  readonly timeoutMs?: number
  /** @default the machine's clock */
  readonly clock?: Clock
}

const TIMEOUT_MS_DEFAULT = 10_000
/** An answer, or a line of a stream, larger than this is not ours. */
const ANSWER_BYTES_MAX = 64 * 1024 ** 2

/**
 * Asks the server on a Unix socket once, over a connection of its own. `Answer` is what the server is known to send;
 * it is not checked here. The server's error arrives as the `TenfoldError` it was.
 *
 * @throws TF_CONTROL_UNREACHABLE when nobody listens, we may not connect, or the connection is cut
 * @throws TF_TIMEOUT
 * @throws TF_ABORTED when `signal` is aborted
 * @example await jsonSocketRequest<SystemSnapshot>(path, 'GET', '/v1/snapshot?after=3')
 */
export async function jsonSocketRequest<Answer = unknown>(
  path: string,
  method: 'GET' | 'POST' | 'PUT' | 'DELETE',
  route: string,
  body?: unknown,
  options: JsonSocketRequestOptions = {},
): Promise<Answer> {
  using exchange = open(path, method, route, body, options)
  const response = await exchange.response()
  const text = await exchange.text(response)
  if (response.statusCode !== 200) throw errorFrom(path, response, text)
  try {
    return JSON.parse(text) as Answer
  } catch (error) {
    throw unreachable(path, `an answer that is not JSON: ${messageOf(error)}`, error)
  }
}

/**
 * Reads a stream of lines from the server on a Unix socket. Ends quietly when the server ends it or `signal` is
 * aborted; leaving the loop closes the connection.
 *
 * @throws TF_CONTROL_UNREACHABLE when nobody listens or the connection is cut in the middle
 * @throws TF_TIMEOUT when the head of the answer does not come
 */
export async function* jsonSocketStream<Line = unknown>(
  path: string,
  route: string,
  options: JsonSocketRequestOptions = {},
): AsyncGenerator<Line, void, undefined> {
  if (isAborted(options.signal)) return
  using exchange = open(path, 'GET', route, undefined, options)
  try {
    const response = await exchange.response()
    if (response.statusCode !== 200) throw errorFrom(path, response, await exchange.text(response))
    exchange.endTimeout()
    for await (const line of linesOf(path, response)) yield JSON.parse(line) as Line
  } catch (error) {
    if (isAborted(options.signal)) return
    throw error instanceof TenfoldError ? error : unreachable(path, messageOf(error), error)
  }
}

/** A request under way with its timer and signal; disposing of it leaves nothing open. */
interface Exchange extends Disposable {
  response(): Promise<IncomingMessage>
  text(response: IncomingMessage): Promise<string>
  endTimeout(): void
}

function open(path: string, method: string, route: string, body: unknown, options: JsonSocketRequestOptions): Exchange {
  assertSocketPath(path)
  const { signal, timeoutMs = TIMEOUT_MS_DEFAULT, clock = systemClock } = options
  if (signal?.aborted === true) throw aborted(path, signal)
  const payload = body === undefined ? undefined : JSON.stringify(body)
  const request = httpRequest({ socketPath: path, method, path: route, agent: false, headers: headersFor(payload) })
  // Destroying the request with our error makes every reader of it fail with that error.
  const onAbort = (): void => void request.destroy(aborted(path, signal))
  signal?.addEventListener('abort', onAbort, { once: true })
  const endTimeout = clock.schedule(timeoutMs, () => {
    request.destroy(new TenfoldError('TF_TIMEOUT', `expected ${method} ${route} to be answered within ${timeoutMs} ms`))
  })
  const failure = failureOf(path, request)
  request.end(payload)
  return {
    response: () =>
      Promise.race([failure, new Promise<IncomingMessage>((resolve) => request.once('response', resolve))]),
    text: (response) => Promise.race([failure, textOf(path, response)]),
    endTimeout,
    [Symbol.dispose]() {
      endTimeout()
      signal?.removeEventListener('abort', onAbort)
      request.destroy()
    },
  }
}

function headersFor(payload: string | undefined): Record<string, string | number> {
  // We close the connection when we have the answer. Left to itself the server would close it with its answer, and one
  // that refuses a body which is still being sent would be lost to us in a broken pipe.
  const connection = { connection: 'keep-alive' }
  if (payload === undefined) return connection
  return { ...connection, 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) }
}

/** Rejects when the request fails, never resolves. */
function failureOf(path: string, request: ClientRequest): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>()
  promise.catch(() => undefined)
  request.on('error', (error: NodeJS.ErrnoException) => {
    reject(error instanceof TenfoldError ? error : unreachable(path, error.code ?? error.message, error))
  })
  return promise
}

async function textOf(path: string, response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of response) {
      bytes += (chunk as Buffer).length
      if (bytes > ANSWER_BYTES_MAX) throw unreachable(path, `an answer of more than ${ANSWER_BYTES_MAX} bytes`)
      chunks.push(chunk as Buffer)
    }
  } catch (error) {
    throw error instanceof TenfoldError ? error : unreachable(path, messageOf(error), error)
  }
  return Buffer.concat(chunks).toString('utf8')
}

async function* linesOf(path: string, response: IncomingMessage): AsyncGenerator<string, void, undefined> {
  response.setEncoding('utf8')
  let rest = ''
  for await (const chunk of response) {
    const lines = (rest + String(chunk)).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > ANSWER_BYTES_MAX) throw unreachable(path, `a line of more than ${ANSWER_BYTES_MAX} characters`)
    for (const line of lines) if (line !== '') yield line
  }
}

function errorFrom(path: string, response: IncomingMessage, text: string): TenfoldError {
  try {
    const { error } = JSON.parse(text) as { error: ReturnType<TenfoldError['toJSON']> }
    if (Object.hasOwn(ERROR_CODES, error.code)) {
      return new TenfoldError(error.code satisfies ErrorCode, error.message, {
        details: error.details,
        ...(error.hint === undefined ? {} : { hint: error.hint }),
      })
    }
  } catch {
    // Not an error of ours; told below as what it is.
  }
  return unreachable(path, `status ${response.statusCode} with ${JSON.stringify(text.slice(0, 200))}`)
}

function unreachable(path: string, reason: string, cause?: unknown): TenfoldError {
  return new TenfoldError('TF_CONTROL_UNREACHABLE', `expected an answer from the server on ${path}, got ${reason}`, {
    hint: reason === 'EACCES' ? 'run it as the user that started the system' : 'see what runs with "tenfold status"',
    details: { path, reason },
    cause,
  })
}

function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true
}

function aborted(path: string, signal: AbortSignal | undefined): TenfoldError {
  return new TenfoldError('TF_ABORTED', `expected an answer from the server on ${path}, but the wait was cancelled`, {
    cause: signal?.reason,
  })
}
