import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ResolvedBucket } from '../../src/blueprint/resolved-backup.ts'

/** What a store does with one request instead of what it should. */
export type StoreFault =
  /** Answers with this, without doing anything. */
  | { readonly status: number; readonly code: string }
  /** Does it, and breaks the connection instead of answering. */
  | 'loses the answer'
  /** Sends half of the body and breaks the connection. */
  | 'half an answer'
  | 'never answers'

/** A store in memory that speaks as much of the protocol of S3 as a repository uses. */
export interface StoreForTests {
  readonly bucket: ResolvedBucket
  readonly objects: Map<string, StoredForTests>
  /** Of all requests, in order: `'PUT key'`. */
  readonly requests: string[]
  /** Asked before each request; undefined: all is well. */
  fault: (request: string) => StoreFault | undefined
  /** As old ones are: `If-None-Match` means nothing. */
  isCareless: boolean
  /** Uploads in parts that were begun and neither ended nor given up. */
  readonly openUploads: number
  close(): Promise<void>
}

interface StoredForTests {
  content: Buffer
  readonly headers: Readonly<Record<string, string>>
}

const PAGE = 3
const PART_BYTES_MIN = 5 * 1024 ** 2

export async function startStore(): Promise<StoreForTests> {
  const objects = new Map<string, StoredForTests>()
  const uploads = new Map<string, { readonly headers: Record<string, string>; readonly parts: Map<number, Buffer> }>()
  let uploadCount = 0
  const server = createServer((request, response) => {
    void serve(request, response).catch((error: unknown) => response.destroy(error as Error))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const store: StoreForTests = {
    bucket: {
      kind: 'bucket',
      name: 'acme',
      prefix: 'a shop/+1',
      region: 'us-east-1',
      endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      lockMs: undefined,
    },
    objects,
    requests: [],
    fault: () => undefined,
    isCareless: false,
    get openUploads() {
      return uploads.size
    },
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks)
    const url = new URL(request.url!, 'http://store')
    const key = decodeURIComponent(url.pathname.slice('/acme/'.length))
    const name = `${request.method} ${key.slice('a shop/+1/'.length)}${url.search.replace(/=[^&]*/g, '')}`
    store.requests.push(name)
    const fault = store.fault(name)
    if (typeof fault === 'object') return fail(response, fault.status, fault.code)
    if (request.headers['x-amz-content-sha256'] !== createHash('sha256').update(body).digest('hex')) {
      return fail(response, 400, 'XAmzContentSHA256Mismatch')
    }
    if (!request.headers.authorization?.startsWith('AWS4-HMAC-SHA256 Credential=KEY/')) {
      return fail(response, 403, 'SignatureDoesNotMatch')
    }
    if (fault === 'never answers') return
    if (fault === 'loses the answer') {
      act(request, url, key, body, detached())
      response.destroy()
    } else if (fault === 'half an answer') {
      const content = objects.get(key)!.content
      response.writeHead(200, { 'content-length': content.length, etag: '"e"' })
      response.write(content.subarray(0, content.length >> 1), () => response.destroy())
    } else act(request, url, key, body, (...answer) => send(response, ...answer))
  }

  function act(request: IncomingMessage, url: URL, key: string, body: Buffer, answer: Answer): void {
    const uploadId = url.searchParams.get('uploadId')
    const meta = Object.fromEntries(
      Object.entries(request.headers).filter(([header]) => header.startsWith('x-amz-')),
    ) as Record<string, string>
    const isRefused = request.headers['if-none-match'] === '*' && objects.has(key) && !store.isCareless
    if (request.method === 'GET' && url.searchParams.has('list-type')) return answer(200, {}, listing(url))
    if (request.method === 'POST' && url.searchParams.has('uploads')) {
      uploads.set(`u${++uploadCount}`, { headers: meta, parts: new Map() })
      return answer(200, {}, `<R><UploadId>u${uploadCount}</UploadId></R>`)
    }
    if (uploadId !== null) return actOnUpload(request, url, key, body, isRefused, answer)
    if (request.method === 'PUT') {
      if (isRefused) return answer(412, {}, error('PreconditionFailed'))
      objects.set(key, { content: body, headers: meta })
      return answer(200, { etag: '"e"' }, '')
    }
    if (request.method === 'DELETE') {
      objects.delete(key)
      return answer(204, {}, '')
    }
    const object = objects.get(key)
    if (object === undefined) return answer(404, {}, error('NoSuchKey'))
    const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0)
    answer(from > 0 ? 206 : 200, { ...object.headers, etag: '"e"' }, object.content.subarray(from))
  }

  function actOnUpload(
    request: IncomingMessage,
    url: URL,
    key: string,
    body: Buffer,
    isRefused: boolean,
    answer: Answer,
  ): void {
    const id = url.searchParams.get('uploadId')!
    const upload = uploads.get(id)
    if (upload === undefined) return answer(404, {}, error('NoSuchUpload'))
    if (request.method === 'PUT') {
      const number = Number(url.searchParams.get('partNumber'))
      upload.parts.set(number, body)
      return answer(200, { etag: `"p${number}"` }, '')
    }
    const isSmall = [...upload.parts.values()].slice(0, -1).some(({ length }) => length < PART_BYTES_MIN)
    if (request.method === 'POST' && isSmall) return answer(400, {}, error('EntityTooSmall'))
    if (request.method === 'POST' && isRefused) return answer(412, {}, error('PreconditionFailed'))
    uploads.delete(id)
    if (request.method === 'DELETE') return answer(204, {}, '')
    const numbers = [...body.toString().matchAll(/<PartNumber>(\d+)</g)].map(([, number]) => Number(number))
    const content = Buffer.concat(numbers.map((number) => upload.parts.get(number)!))
    objects.set(key, { content, headers: upload.headers })
    answer(200, {}, '<CompleteMultipartUploadResult/>')
  }

  /** Pages of a few keys, so that there are several. */
  function listing(url: URL): string {
    const [prefix, delimiter] = [url.searchParams.get('prefix') ?? '', url.searchParams.get('delimiter')]
    const after = url.searchParams.get('continuation-token') ?? ''
    const entries = new Map<string, string>()
    for (const [key, { content }] of [...objects].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
      if (!key.startsWith(prefix)) continue
      const end = delimiter === null ? -1 : key.indexOf(delimiter, prefix.length)
      const shown = encodeURIComponent(end === -1 ? key : key.slice(0, end + 1)).replaceAll('%20', '+')
      if (shown <= after) continue
      const size = `<Size>${content.length}</Size>`
      entries.set(
        shown,
        end === -1
          ? `<Contents><Key>${shown}</Key>${size}</Contents>`
          : `<CommonPrefixes><Prefix>${shown}</Prefix></CommonPrefixes>`,
      )
    }
    const page = [...entries].slice(0, PAGE)
    const isCut = entries.size > PAGE
    const next = isCut ? `<NextContinuationToken>${page.at(-1)![0]}</NextContinuationToken>` : ''
    return `<ListBucketResult xmlns="x"><EncodingType>url</EncodingType><IsTruncated>${isCut}</IsTruncated>${next}${page.map(([, xml]) => xml).join('')}</ListBucketResult>`
  }

  return store
}

type Answer = (status: number, headers: Readonly<Record<string, string>>, body: string | Buffer) => void

function send(
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  body: string | Buffer,
): void {
  response.writeHead(status, status === 204 ? headers : { ...headers, 'content-length': Buffer.byteLength(body) })
  response.end(response.req.method === 'HEAD' || status === 204 ? undefined : body)
}

function detached(): Answer {
  return () => undefined
}

function fail(response: ServerResponse, status: number, code: string): void {
  send(response, status, {}, error(code))
}

function error(code: string): string {
  return `<Error><Code>${code}</Code><Message>as the test says</Message></Error>`
}
