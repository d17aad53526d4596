import { createReadStream } from 'node:fs'
import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import { pipeline } from 'node:stream/promises'
import type { GatewayFiles } from '../gateway-config.ts'
import type { GatewayResponse } from '../exchange/gateway-response.ts'
import { answerError } from '../exchange/gateway-response.ts'
import type { StaticFile, StaticFileStore } from './static-file-store.ts'
import { createStaticFileStore } from './static-file-store.ts'
import { staticSegments } from './static-path.ts'
import { byteRange } from './static-range.ts'

/** The files of one front end. */
export interface StaticFiles {
  /** Answers a request; rejects, with nothing sent, when the disk fails. A client that leaves is no failure. */
  serve(request: IncomingMessage, response: GatewayResponse, asked: StaticRequest): Promise<void>
}

/** What of a request counts, beside its headers. */
export interface StaticRequest {
  /** In normal form, with the query. */
  readonly target: string
  readonly requestId: string
}

const A_YEAR = 'public, max-age=31536000, immutable'

/**
 * Serves a directory: `ETag` and `If-None-Match`, compressed copies that lie beside a file, ranges, one year of caching
 * for names that carry a hash, `index.html` for directories and, in a single-page application, `fallback` for pages that
 * no file has. A hashed name that the release has no more is looked for in the one before: pages that are open still ask.
 */
export function createStaticFiles({ directories, routes, fallback }: GatewayFiles): StaticFiles {
  const [current, ...former] = directories.map(createStaticFileStore) as [StaticFileStore, ...StaticFileStore[]]

  async function find(segments: readonly string[]): Promise<StaticFile | 'directory' | undefined> {
    const found = await current.find(segments)
    if (found !== undefined) return found
    for (const store of former) {
      const file = await store.find(segments)
      if (typeof file === 'object' && file.isImmutable) return file
    }
    return undefined
  }

  /** For a page, not for a picture that is missing: a script that is HTML is a riddle. */
  async function page(segments: readonly string[], { headers }: IncomingMessage): Promise<StaticFile | undefined> {
    if (fallback === undefined || segments.at(-1)?.includes('.') === true) return undefined
    if (!/text\/html|\*\/\*|^$/.test(headers.accept ?? '')) return undefined
    const file = await current.find(fallback.split('/'))
    return file === 'directory' ? undefined : file
  }

  return {
    async serve(request, response, { target, requestId }) {
      // A body that nobody reads would stand before the next request.
      request.resume()
      const refuse = (status: number, message: string): void =>
        answerError(response, { status, code: status === 405 ? 'method_not_allowed' : 'no_file', message, requestId })
      if (request.method !== 'GET' && request.method !== 'HEAD') {
        response.setHeader('allow', 'GET, HEAD')
        return refuse(405, 'expected GET or HEAD, since this is a file')
      }
      const [path = '/', query] = target.split('?', 2)
      const segments = staticSegments(path, routes)
      if (segments === undefined) return refuse(404, 'expected the path of a file')
      const isBareRoute = segments.length === 0 && path !== '/'
      const found = isBareRoute ? 'directory' : await find(segments)
      if (found === 'directory') {
        response.writeHead(308, { location: `${path}/${query === undefined ? '' : `?${query}`}`, 'content-length': 0 })
        return void response.end()
      }
      const file = found ?? (await page(segments, request))
      if (file === undefined) return refuse(404, 'expected the path of a file, got one that there is none for')
      await answer(request, response, file, requestId)
    },
  }
}

async function answer(
  request: IncomingMessage,
  response: GatewayResponse,
  file: StaticFile,
  requestId: string,
): Promise<void> {
  const { headers, method } = request
  const isPart = method === 'GET' && isUnchanged(headers['if-range']?.toString(), file)
  const range = isPart ? byteRange(headers.range, file.bytes) : undefined
  const copy = range === undefined ? encodedFor(file, headers['accept-encoding']) : undefined
  const etag = copy === undefined ? file.etag : `${file.etag.slice(0, -1)}-${copy.encoding}"`
  const common: OutgoingHttpHeaders = {
    etag,
    'last-modified': file.modified,
    'cache-control': file.isImmutable ? A_YEAR : 'no-cache',
    'x-request-id': requestId,
    ...(file.encoded.length === 0 ? {} : { vary: 'accept-encoding' }),
  }
  if (isKnown(headers, { etag, modified: file.modified })) {
    response.writeHead(304, common)
    return void response.end()
  }
  if (range === 'unsatisfiable') {
    response.writeHead(416, { ...common, 'content-range': `bytes */${file.bytes}`, 'content-length': 0 })
    return void response.end()
  }
  const length = range === undefined ? (copy ?? file).bytes : range.end - range.start + 1
  response.writeHead(range === undefined ? 200 : 206, {
    ...common,
    'content-type': file.type,
    'content-length': length,
    'accept-ranges': 'bytes',
    'x-content-type-options': 'nosniff',
    ...(copy === undefined ? {} : { 'content-encoding': copy.encoding }),
    ...(range === undefined ? {} : { 'content-range': `bytes ${range.start}-${range.end}/${file.bytes}` }),
  })
  if (method === 'HEAD' || length === 0) return void response.end()
  // A client that leaves, or a disk that fails: either way the connection is gone.
  await pipeline(createReadStream((copy ?? file).path, range), response).catch(() => response.destroy())
}

/** The smallest copy that the client takes; a weight of 0 is a no. */
function encodedFor(file: StaticFile, accepted = ''): StaticFile['encoded'][number] | undefined {
  const taken = new Set(
    accepted
      .toLowerCase()
      .split(',')
      .filter((part) => !/;\s*q=0(?:\.0*)?\s*$/.test(part))
      .map((part) => part.split(';', 1)[0]!.trim()),
  )
  return file.encoded.filter(({ encoding }) => taken.has(encoding)).toSorted((a, b) => a.bytes - b.bytes)[0]
}

/** Whether the client has it. A date counts only without an `If-None-Match`, and only if it is the one we gave. */
function isKnown(headers: IncomingHttpHeaders, { etag, modified }: Pick<StaticFile, 'etag' | 'modified'>): boolean {
  const known = headers['if-none-match']
  if (known === undefined) return headers['if-modified-since'] === modified
  return known.split(',').some((each) => each.trim() === '*' || each.trim().replace(/^W\//, '') === etag)
}

/** Whether the part that a client has is one of this file: it has asked on no condition, or on one that holds. */
function isUnchanged(condition: string | undefined, { etag, modified }: StaticFile): boolean {
  return condition === undefined || condition === etag || condition === modified
}
