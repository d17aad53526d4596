import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { JsonRoute } from '../../src/control/json-route.ts'
import type { JsonSocket, JsonSocketLimits } from '../../src/control/json-socket.ts'
import {
  createJsonSocket,
  jsonRoute,
  jsonSocketRequest,
  jsonSocketStream,
  jsonStream,
} from '../../src/control/json-socket.ts'
import { systemClock } from '../../src/core/clock.ts'
import { TenfoldError } from '../../src/core/errors.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'

let directory: string
let path: string
const servers: JsonSocket[] = []

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tf socket-'))
  path = join(directory, 'test.sock')
})

afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop(100)
  await rm(directory, { recursive: true, force: true })
})

function create(routes: Record<string, JsonRoute> = {}, limits: Partial<JsonSocketLimits> = {}): JsonSocket {
  const server = createJsonSocket({ path, routes, limits, clock: systemClock })
  servers.push(server)
  return server
}

async function collect<T>(values: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const value of values) all.push(value)
  return all
}

/** Sends bytes as they are and gives back whatever the server says until it closes. */
function raw(bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = ''
    const socket = connect({ path }, () => socket.write(bytes))
    socket.setEncoding('utf8')
    socket.on('data', (chunk) => (answer += String(chunk)))
    socket.on('close', () => resolve(answer))
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNRESET' || error.code === 'EPIPE') resolve(answer)
      else reject(error)
    })
  })
}

describe('requests', () => {
  test('answers a route with the value of its handler', async () => {
    const server = create({
      'GET /v1/sum': jsonRoute({
        input: z.object({ a: z.coerce.number(), b: z.coerce.number() }),
        handle: ({ input }) => ({ sum: input.a + input.b }),
      }),
      'POST /v1/echo': jsonRoute({ handle: ({ input }) => input }),
    })
    await server.start()

    expect(await jsonSocketRequest(path, 'GET', '/v1/sum?a=1&b=2')).toEqual({ sum: 3 })
    expect(await jsonSocketRequest(path, 'POST', '/v1/echo', { deep: [1, 'ü'] })).toEqual({ deep: [1, 'ü'] })
    expect(await jsonSocketRequest(path, 'POST', '/v1/echo')).toBeNull()
  })

  test('refuses input that the schema of the route refuses, with the path of each problem', async () => {
    const input = z.strictObject({ count: z.number(), names: z.array(z.string()) })
    await create({ 'POST /v1/things': jsonRoute({ input, handle: () => 'never' }) }).start()

    await expect(jsonSocketRequest(path, 'POST', '/v1/things', { count: '3', names: [1] })).rejects.toMatchObject({
      code: 'TF_INPUT_INVALID',
      message: expect.stringMatching(/count: .*names\.0: /),
    })
  })

  test('carries a TenfoldError of a handler to the client whole, and hides nothing but the stack of others', async () => {
    await create({
      'POST /v1/known': jsonRoute({
        handle: () => {
          throw new TenfoldError('TF_NOT_IMPLEMENTED', 'expected less', { hint: 'wait', details: { n: 1 } })
        },
      }),
      'POST /v1/unknown': jsonRoute({ handle: () => Promise.reject(new Error('boom')) }),
    }).start()

    await expect(jsonSocketRequest(path, 'POST', '/v1/known', {})).rejects.toMatchObject({
      code: 'TF_NOT_IMPLEMENTED',
      message: 'expected less',
      hint: 'wait',
      details: { n: 1 },
    })
    await expect(jsonSocketRequest(path, 'POST', '/v1/unknown', {})).rejects.toMatchObject({
      code: 'TF_INTERNAL',
      message: 'expected an answer, got boom',
    })
  })

  test('names its routes when asked for another, also for names that every object has', async () => {
    await create({ 'GET /v1/one': jsonRoute({ handle: () => 1 }) }).start()

    await expect(jsonSocketRequest(path, 'GET', '/v1/two')).rejects.toMatchObject({
      code: 'TF_ROUTE_UNKNOWN',
      details: { routes: ['GET /v1/one'] },
    })
    expect(await raw('GET http://[ HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')).toContain('TF_ROUTE_UNKNOWN')
    expect(await raw('constructor / HTTP/1.1\r\nhost: x\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /)
  })

  test('refuses a body that is too large, announced or not, and tells why', async () => {
    await create({ 'POST /v1/echo': jsonRoute({ handle: ({ input }) => input }) }, { bodyBytesMax: 1000 }).start()
    const tooLarge = { code: 'TF_INPUT_TOO_LARGE' }

    await expect(jsonSocketRequest(path, 'POST', '/v1/echo', 'x'.repeat(990))).resolves.toHaveLength(990)
    await expect(jsonSocketRequest(path, 'POST', '/v1/echo', 'x'.repeat(1000))).rejects.toMatchObject(tooLarge)
    await expect(jsonSocketRequest(path, 'POST', '/v1/echo', 'x'.repeat(20_000_000))).rejects.toMatchObject(tooLarge)
    const chunked = await new Promise<number | undefined>((resolve, reject) => {
      const request = httpRequest({ socketPath: path, method: 'POST', path: '/v1/echo' }, (response) => {
        resolve(response.statusCode)
        response.resume()
      })
      request.on('error', reject)
      request.write('"')
      request.write('x'.repeat(2000))
    })
    expect(chunked).toBe(413)
  })

  test('answers garbage with 400 and goes on', async () => {
    await create({ 'POST /v1/echo': jsonRoute({ handle: ({ input }) => input }) }).start()

    expect(await raw('\u0000\u0001 garbage\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /)
    const notJson = 'POST /v1/echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 3\r\n\r\n{"a'
    expect(await raw(notJson)).toContain('TF_INPUT_INVALID')
    const smuggled =
      'POST /v1/echo HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'
    expect(await raw(smuggled)).toMatch(/^HTTP\/1\.1 400 /)
    expect(await jsonSocketRequest(path, 'POST', '/v1/echo', 1)).toBe(1)
  })

  test('closes a client that does not finish its head in time', async () => {
    await create({}, { headTimeoutMs: 50, requestTimeoutMs: 50 }).start()

    expect(await raw('GET / HTTP/1.1\r\nhost: x\r\nx-slow: ')).toMatch(/^HTTP\/1\.1 408 /)
  })

  test('closes a connection above the maximum and serves again when one has gone', async () => {
    await create({ 'GET /v1/one': jsonRoute({ handle: () => 1 }) }, { connectionsMax: 1 }).start()
    const held = connect({ path })
    await new Promise((resolve) => held.once('connect', resolve))

    await expect(jsonSocketRequest(path, 'GET', '/v1/one')).rejects.toMatchObject({ code: 'TF_CONTROL_UNREACHABLE' })
    held.destroy()
    await expect.poll(() => jsonSocketRequest(path, 'GET', '/v1/one').catch(() => 0)).toBe(1)
  })
})

describe('the client', () => {
  test('says that nobody listens', async () => {
    await expect(jsonSocketRequest(path, 'GET', '/v1/one')).rejects.toMatchObject({
      code: 'TF_CONTROL_UNREACHABLE',
      details: { path, reason: 'ENOENT' },
    })
  })

  test('gives up after its timeout and on its signal', async () => {
    const clock = virtualClock()
    const asked = Promise.withResolvers<void>()
    const handle = ({ signal }: { signal: AbortSignal }): Promise<void> => {
      asked.resolve()
      return new Promise((resolve) => signal.addEventListener('abort', () => resolve()))
    }
    await create({ 'GET /v1/never': jsonRoute({ handle }) }).start()

    const late = jsonSocketRequest(path, 'GET', '/v1/never', undefined, { clock, timeoutMs: 2_000 })
    const outcome = expect(late).rejects.toMatchObject({ code: 'TF_TIMEOUT' })
    await asked.promise
    await clock.advance('2s')
    await outcome
    expect(clock.pending).toBe(0)

    const controller = new AbortController()
    const cancelled = jsonSocketRequest(path, 'GET', '/v1/never', undefined, { signal: controller.signal })
    controller.abort()
    await expect(cancelled).rejects.toMatchObject({ code: 'TF_ABORTED' })
  })

  test('tells the handler that it has gone', async () => {
    const asked = Promise.withResolvers<void>()
    const gone = Promise.withResolvers<void>()
    await create({
      'GET /v1/never': jsonRoute({
        handle: async ({ signal }) => {
          asked.resolve()
          await new Promise((resolve) => signal.addEventListener('abort', resolve))
          gone.resolve()
        },
      }),
    }).start()
    const controller = new AbortController()
    const cancelled = jsonSocketRequest(path, 'GET', '/v1/never', undefined, { signal: controller.signal })
    const outcome = expect(cancelled).rejects.toMatchObject({ code: 'TF_ABORTED' })
    await asked.promise
    controller.abort()

    await outcome
    await gone.promise
  })
})

describe('streams', () => {
  async function* numbers(count: number): AsyncGenerator<{ n: number }> {
    for (let n = 0; n < count; n++) yield { n }
  }

  test('carries every value, a line each, and ends with its source', async () => {
    await create({ 'GET /v1/numbers': jsonRoute({ handle: () => jsonStream(numbers(1000)) }) }).start()

    const got = await collect(jsonSocketStream<{ n: number }>(path, '/v1/numbers'))
    expect(got.map(({ n }) => n)).toEqual(Array.from({ length: 1000 }, (_, n) => n))
  })

  test('asks its source for no more than the client takes', async () => {
    let asked = 0
    async function* endless(): AsyncGenerator<string> {
      for (;;) {
        asked += 1
        yield 'x'.repeat(64 * 1024)
      }
    }
    await create({ 'GET /v1/endless': jsonRoute({ handle: () => jsonStream(endless()) }) }).start()
    const stream = jsonSocketStream(path, '/v1/endless')
    await stream.next()
    const held = asked
    await new Promise((resolve) => setImmediate(resolve))

    expect(asked).toBeLessThan(held + 64)
    await stream.return()
  })

  test('cuts off a client that stops reading', async () => {
    const clock = virtualClock()
    const ended = Promise.withResolvers<void>()
    async function* endless(): AsyncGenerator<string> {
      try {
        for (;;) yield 'x'.repeat(64 * 1024)
      } finally {
        ended.resolve()
      }
    }
    const routes = { 'GET /v1/endless': jsonRoute({ handle: () => jsonStream(endless()) }) }
    const server = createJsonSocket({ path, routes, clock, limits: { streamStallMs: 1_000 } })
    servers.push(server)
    await server.start()
    const socket = connect({ path }, () => socket.write('GET /v1/endless HTTP/1.1\r\nhost: x\r\n\r\n'))
    socket.pause()
    await expect.poll(() => clock.pending).toBe(1)
    await clock.advance('1s')

    await ended.promise
    socket.destroy()
  })

  test('ends quietly on the signal of the client, and closes its source', async () => {
    const ended = Promise.withResolvers<void>()
    const next = Promise.withResolvers<void>()
    async function* one(): AsyncGenerator<number> {
      try {
        yield 1
        await next.promise
        yield 2
      } finally {
        ended.resolve()
      }
    }
    await create({ 'GET /v1/one': jsonRoute({ handle: () => jsonStream(one()) }) }).start()
    const controller = new AbortController()
    const got: unknown[] = []
    for await (const line of jsonSocketStream(path, '/v1/one', { signal: controller.signal })) {
      got.push(line)
      controller.abort()
    }
    next.resolve()

    expect(got).toEqual([1])
    await ended.promise
  })

  test('fails when the server is cut off in the middle', async () => {
    async function* broken(): AsyncGenerator<number> {
      yield 1
      throw new Error('broken')
    }
    await create({ 'GET /v1/broken': jsonRoute({ handle: () => jsonStream(broken()) }) }).start()

    await expect(collect(jsonSocketStream(path, '/v1/broken'))).rejects.toMatchObject({
      code: 'TF_CONTROL_UNREACHABLE',
    })
  })
})

describe('the life of a server', () => {
  test('makes the socket with the mode asked for, whatever the umask, and leaves nothing else', async () => {
    const server = createJsonSocket({ path, mode: 0o660, routes: {}, clock: systemClock })
    servers.push(server)
    await server.start()

    expect((await stat(path)).mode & 0o777).toBe(0o660)
    expect(await readdir(directory)).toEqual(['test.sock'])
    await server.stop()
    expect(await readdir(directory)).toEqual([])
  })

  test('is for the owner alone by default', async () => {
    await create().start()

    expect((await stat(path)).mode & 0o777).toBe(0o600)
  })

  test('refuses a path with a live server, and leaves that server alone', async () => {
    await create({ 'GET /v1/one': jsonRoute({ handle: () => 1 }) }).start()

    await expect(create().start()).rejects.toMatchObject({ code: 'TF_ALREADY_RUNNING' })
    expect(await jsonSocketRequest(path, 'GET', '/v1/one')).toBe(1)
  })

  test('gives the path to exactly one of many that start at once', async () => {
    const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => create().start()))

    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  })

  test('never removes a file that is not a socket', async () => {
    await writeFile(path, 'precious')

    await expect(create().start()).rejects.toMatchObject({ code: 'TF_SOCKET_UNUSABLE' })
    expect((await stat(path)).size).toBe(8)
  })

  test('refuses a path that the system would cut off', async () => {
    path = join(directory, 'x'.repeat(107))

    await expect(create().start()).rejects.toMatchObject({
      code: 'TF_SOCKET_UNUSABLE',
      details: { bytes: Buffer.byteLength(path) },
    })
    await expect(jsonSocketRequest(path, 'GET', '/')).rejects.toMatchObject({ code: 'TF_SOCKET_UNUSABLE' })
  })

  test('says which directory is missing', async () => {
    path = join(directory, 'missing', 'x.sock')

    await expect(create().start()).rejects.toMatchObject({
      code: 'TF_SOCKET_UNUSABLE',
      message: expect.stringContaining(join(directory, 'missing')),
    })
  })

  test('starts again after it was stopped', async () => {
    const server = create({ 'GET /v1/one': jsonRoute({ handle: () => 1 }) })
    await server.start()
    await server.stop()
    await server.start()

    expect(await jsonSocketRequest(path, 'GET', '/v1/one')).toBe(1)
  })

  test('lets a stream say its last word when it stops', async () => {
    const asked = Promise.withResolvers<void>()
    async function* untilStopped(signal: AbortSignal): AsyncGenerator<string> {
      asked.resolve()
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      yield 'bye'
    }
    const handle = ({ signal }: { signal: AbortSignal }): unknown => jsonStream(untilStopped(signal))
    const server = create({ 'GET /v1/words': jsonRoute({ handle }) })
    await server.start()
    const words = collect(jsonSocketStream(path, '/v1/words'))
    await asked.promise
    await server.stop()

    expect(await words).toEqual(['bye'])
  })

  test('sends the answer of a handler that ends while it stops', async () => {
    const asked = Promise.withResolvers<void>()
    const handle = async ({ signal }: { signal: AbortSignal }): Promise<string> => {
      asked.resolve()
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      return 'x'.repeat(1_000_000)
    }
    const server = create({ 'GET /v1/late': jsonRoute({ handle }) })
    await server.start()
    const answer = jsonSocketRequest(path, 'GET', '/v1/late')
    await asked.promise
    await server.stop()

    expect(await answer).toHaveLength(1_000_000)
  })

  test('does not remove the socket of a successor when it stops', async () => {
    const server = create()
    await server.start()
    await rm(path)
    const successor = create({ 'GET /v1/one': jsonRoute({ handle: () => 1 }) })
    await successor.start()
    await server.stop()

    expect(await jsonSocketRequest(path, 'GET', '/v1/one')).toBe(1)
  })

  test('stops during its start', async () => {
    const server = create()
    const starting = server.start()
    const outcome = expect(starting).rejects.toMatchObject({ code: 'TF_ABORTED' })
    await server.stop()
    await outcome

    expect(await readdir(directory)).toEqual([])
  })

  test('cuts a handler that ignores its signal at the deadline', async () => {
    const asked = Promise.withResolvers<void>()
    const handle = (): Promise<never> => {
      asked.resolve()
      return new Promise(() => {})
    }
    const server = create({ 'GET /v1/deaf': jsonRoute({ handle }) })
    await server.start()
    const outcome = expect(jsonSocketRequest(path, 'GET', '/v1/deaf')).rejects.toMatchObject({
      code: 'TF_CONTROL_UNREACHABLE',
    })
    await asked.promise
    await server.stop(10)

    await outcome
  })
})
