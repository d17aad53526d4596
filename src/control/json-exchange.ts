import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../core/clock.ts'
import { withTimeout } from '../core/clock.ts'
import type { ErrorCode } from '../core/error-codes.ts'
import { messageOf, TenfoldError } from '../core/errors.ts'
import type { JsonStream } from './json-route.ts'

/** The status of an error that has a better one than 422, "understood, but it failed". */
const STATUS: Partial<Record<ErrorCode, number>> = {
  TF_ALREADY_RUNNING: 409,
  TF_INPUT_INVALID: 400,
  TF_INPUT_TOO_LARGE: 413,
  TF_INTERNAL: 500,
  TF_NOT_IMPLEMENTED: 501,
  TF_ROUTE_UNKNOWN: 404,
  TF_TIMEOUT: 504,
}

/**
 * The parsed body of a request; undefined when it is empty.
 *
 * @throws TF_INPUT_TOO_LARGE before more than `bytesMax` are held
 * @throws TF_INPUT_INVALID when it is not JSON
 */
export async function readJsonBody(request: IncomingMessage, bytesMax: number): Promise<unknown> {
  const tooLarge = (): TenfoldError =>
    new TenfoldError('TF_INPUT_TOO_LARGE', `expected a body of at most ${bytesMax} bytes, got more`, {
      details: { bytesMax },
    })
  if (Number(request.headers['content-length'] ?? 0) > bytesMax) throw tooLarge()
  const chunks: Buffer[] = []
  let bytes = 0
  // Leaving the loop must not destroy the request: the answer that says why has to reach the client.
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    bytes += (chunk as Buffer).length
    if (bytes > bytesMax) throw tooLarge()
    chunks.push(chunk as Buffer)
  }
  if (bytes === 0) return undefined
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'))
  } catch (error) {
    throw new TenfoldError('TF_INPUT_INVALID', `expected the body to be JSON, got ${messageOf(error)}`)
  }
}

/** Answers 200 with a value; undefined is sent as `null`. */
export function sendValue(response: ServerResponse, value: unknown): void {
  const text = JSON.stringify(value ?? null)
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
  response.end(text)
}

/** Answers with an error, or cuts the connection when part of an answer is already out. */
export function sendError(response: ServerResponse, error: unknown): void {
  if (response.headersSent || response.destroyed) {
    response.destroy()
    return
  }
  const known = asTenfoldError(error)
  const text = JSON.stringify({ error: known })
  response.writeHead(STATUS[known.code] ?? 422, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  })
  response.end(text)
}

/**
 * Sends one line per value, each only when the last one has been taken; ends with the source, or when the client has
 * `gone`. A server that stops tells the source, which may still say a last word.
 */
export async function sendStream(
  response: ServerResponse,
  stream: JsonStream,
  options: { gone: AbortSignal; clock: Clock; stallMs: number },
): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/x-ndjson' })
  response.flushHeaders()
  const iterator = stream.lines[Symbol.asyncIterator]()
  const { promise: aborted, resolve: onAbort } = Promise.withResolvers<undefined>()
  const abort = (): void => onAbort(undefined)
  if (options.gone.aborted) abort()
  else options.gone.addEventListener('abort', abort, { once: true })
  try {
    for (;;) {
      const next = await Promise.race([iterator.next(), aborted])
      if (next === undefined || next.done === true) break
      const isTaken = response.write(`${JSON.stringify(next.value)}\n`)
      if (!isTaken) await drained(response, aborted, options)
    }
    response.end()
  } finally {
    options.gone.removeEventListener('abort', abort)
    // Not awaited: a source that waits for its next value may only return once it has it.
    iterator.return?.()?.then(undefined, () => undefined)
  }
}

async function drained(
  response: ServerResponse,
  aborted: Promise<undefined>,
  options: { clock: Clock; stallMs: number },
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  response.once('drain', resolve)
  try {
    await withTimeout(options.clock, options.stallMs, 'the client to read its stream', Promise.race([promise, aborted]))
  } finally {
    response.off('drain', resolve)
  }
}

function asTenfoldError(error: unknown): TenfoldError {
  if (error instanceof TenfoldError) return error
  return new TenfoldError('TF_INTERNAL', `expected an answer, got ${messageOf(error)}`, { cause: error })
}
