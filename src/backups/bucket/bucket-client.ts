import { createHash } from 'node:crypto'
import { Agent, request } from 'undici'
import type { Dispatcher } from 'undici'
import type { ResolvedBucket } from '../../blueprint/resolved-backup.ts'
import type { Clock } from '../../core/clock.ts'
import { sleep } from '../../core/clock.ts'
import { freshSeed, seededRandom } from '../../core/random.ts'
import { BucketFailure, explainFailure } from './bucket-failure.ts'
import type { BucketKeysSource } from './bucket-keys.ts'
import { textIn } from './bucket-xml.ts'
import { encodePart, signRequest } from './sign-request.ts'

/** One request to a bucket. */
export interface BucketRequest {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE'
  /** Undefined: the bucket itself. */
  readonly key?: string
  readonly query?: Readonly<Record<string, string>>
  /** Names in lower case. */
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array | undefined
  readonly signal?: AbortSignal | undefined
}

/** What a store said. */
export interface BucketAnswer {
  /** 2xx, 404, 412 or 501: anything else is an error. */
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
  /** Whether an earlier attempt was sent whose answer nobody knows. */
  readonly isRepeated: boolean
}

/** Sends requests to one bucket. */
export interface BucketClient {
  /**
   * Sends it, and again with growing pauses when the store is busy or the connection breaks, five times at most.
   *
   * @throws TF_REPOSITORY_UNREACHABLE, TF_SECRET_MISSING, TF_SECRETS_FILE_UNUSABLE
   */
  send(request: BucketRequest): Promise<BucketAnswer>
  /**
   * The same, for an answer of any length: `onChunk` is given what comes; what it came to is asked for from there on
   * when the connection breaks.
   *
   * @returns false when there is no such object
   */
  receive(key: string, onChunk: (chunk: Buffer) => Promise<void>, signal?: AbortSignal): Promise<boolean>
  /** Everything that goes on now is rejected. */
  interrupt(): void
}

/** @see createBucketClient */
export interface BucketClientOptions {
  readonly bucket: ResolvedBucket
  readonly keys: BucketKeysSource
  readonly clock: Clock
}

const ATTEMPTS_MAX = 5
/** The first pause; each is four times the one before, so that all of them take 8 to 17 s. */
const PAUSE_MS = 200
const CONNECTIONS = 8
const CONNECT_TIMEOUT_MS = 10_000
/** Of an answer to 8 MiB over a thin line; and between two pieces of one. */
const ANSWER_TIMEOUT_MS = 120_000
const PIECE_TIMEOUT_MS = 30_000
/** Longer ones go through `receive`. */
const ANSWER_BYTES_MAX = 256 * 1024 ** 2
const EXPECTED: ReadonlySet<number> = new Set([404, 412, 501])

/** A client of one bucket. Idle connections don't keep the process alive. */
export function createBucketClient(options: BucketClientOptions): BucketClient {
  return new SigningClient(options)
}

class SigningClient implements BucketClient {
  readonly #options: BucketClientOptions
  readonly #base: URL
  #life = new AbortController()
  readonly #random = seededRandom(freshSeed())
  readonly #agent = new Agent({
    connections: CONNECTIONS,
    connect: { timeout: CONNECT_TIMEOUT_MS },
    headersTimeout: ANSWER_TIMEOUT_MS,
    bodyTimeout: PIECE_TIMEOUT_MS,
  })

  constructor(options: BucketClientOptions) {
    this.#options = options
    this.#base = baseOf(options.bucket)
  }

  send(wanted: BucketRequest): Promise<BucketAnswer> {
    return this.#repeating(wanted.signal, async (signal, isRepeated) => {
      const { statusCode: status, headers, body } = await this.#dispatch({ ...wanted, signal })
      const content = await whole(body)
      // A store may say 200 first, and then that it failed.
      const failed = status < 300 && wanted.method === 'POST' ? textIn(content.toString('utf8'), 'Code') : undefined
      if (failed === undefined && (status < 300 || EXPECTED.has(status))) {
        requireBucket(status, content)
        return { status, headers: plain(headers), body: content, isRepeated }
      }
      throw new BucketFailure(failed === undefined ? status : 500, content.toString('utf8'))
    })
  }

  async receive(key: string, onChunk: (chunk: Buffer) => Promise<void>, given?: AbortSignal): Promise<boolean> {
    let position = 0
    let etag: string | undefined
    return this.#repeating(given, async (signal) => {
      // The rest of the same object, not of another one.
      const same: Record<string, string> = etag === undefined ? {} : { 'if-match': etag }
      const rest = position === 0 ? {} : { range: `bytes=${position}-`, ...same }
      const answer = await this.#dispatch({ method: 'GET', key, headers: rest, signal })
      const { statusCode: status, body } = answer
      if (status !== (position === 0 ? 200 : 206)) {
        const text = (await whole(body)).toString('utf8')
        if (status === 404) requireBucket(status, Buffer.from(text))
        if (status === 404 && position === 0) return false
        throw new BucketFailure(status, text)
      }
      const { etag: found, 'content-length': length } = plain(answer.headers)
      etag = found
      const end = position + Number(length ?? Number.NaN)
      for await (const chunk of body as AsyncIterable<Buffer>) {
        await onChunk(chunk)
        position += chunk.length
      }
      if (position < end) throw new BucketFailure(500, 'the answer ended early')
      return true
    })
  }

  interrupt(): void {
    this.#life.abort()
    this.#life = new AbortController()
  }

  async #repeating<Result>(
    given: AbortSignal | undefined,
    attempt: (signal: AbortSignal, isRepeated: boolean) => Promise<Result>,
  ): Promise<Result> {
    const signal = AbortSignal.any([this.#life.signal, ...(given === undefined ? [] : [given])])
    const { bucket, clock, keys } = this.#options
    for (let attempts = 1; ; attempts++) {
      try {
        return await attempt(signal, attempts > 1)
      } catch (error) {
        signal.throwIfAborted()
        const { isPassing, isOfKeys, explained } = explainFailure(bucket, error)
        if (isOfKeys) keys.forget()
        if (!isPassing || attempts === ATTEMPTS_MAX) throw explained
        const pauseMs = PAUSE_MS * 4 ** (attempts - 1)
        await sleep(clock, pauseMs * (0.5 + this.#random.next() / 2), signal)
      }
    }
  }

  async #dispatch({ method, key, query, headers, body, signal }: BucketRequest): Promise<Dispatcher.ResponseData> {
    const { bucket, keys, clock } = this.#options
    const url = new URL(this.#base)
    if (key !== undefined) {
      const path = bucket.prefix === '' ? key : `${bucket.prefix}/${key}`
      url.pathname += path.split('/').map(encodePart).join('/')
    }
    url.search = Object.entries(query ?? {})
      .map(([name, value]) => `${encodePart(name)}=${encodePart(value)}`)
      .join('&')
    const signed = signRequest(
      {
        method,
        url,
        headers: headers ?? {},
        bodySha256: createHash('sha256')
          .update(body ?? '')
          .digest('hex'),
      },
      await keys.read(),
      { region: bucket.region, epochMs: clock.epochMs() },
    )
    return request(url, {
      dispatcher: this.#agent,
      method,
      headers: signed,
      ...(body === undefined ? {} : { body }),
      ...(signal === undefined ? {} : { signal }),
    })
  }
}

/** The URL of a bucket, ending with `/`. Amazon wants the bucket in the host, which a certificate allows without dots. */
function baseOf({ name, region, endpoint }: ResolvedBucket): URL {
  if (endpoint !== undefined) return new URL(`${endpoint}/${name}/`)
  const host = `s3.${region}.${region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com'}`
  return new URL(name.includes('.') ? `https://${host}/${name}/` : `https://${name}.${host}/`)
}

/** No object is one thing, no bucket another. */
function requireBucket(status: number, content: Buffer): void {
  if (status === 404 && textIn(content.toString('utf8'), 'Code') === 'NoSuchBucket') {
    throw new BucketFailure(status, content.toString('utf8'))
  }
}

async function whole(body: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of body) {
    length += chunk.length
    if (length > ANSWER_BYTES_MAX) throw new BucketFailure(400, `the answer has more than ${ANSWER_BYTES_MAX} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function plain(headers: Dispatcher.ResponseData['headers']): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]))
}
