import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { installBodyContext } from '../../src/service/body-context.ts'
import { installRequestDeadlines } from '../../src/service/request-deadline.ts'
import { forwarded, serviceClient } from '../../src/service/service-client.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'

const clock = virtualClock()
installRequestDeadlines(clock)
installBodyContext()

type Handler = (received: IncomingMessage, response: ServerResponse) => unknown

async function serve(handler: Handler): Promise<string> {
  const server = createServer((received, response) => void handler(received, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Answers with the time that it was given. */
const telling: Handler = (received, response) => response.end(String(received.headers['x-request-timeout-ms']))

/** Runs `work` while a server handles a request with these headers. */
async function handling<Result>(
  headers: Record<string, string>,
  work: (received: IncomingMessage, response: ServerResponse) => Promise<Result>,
): Promise<Result> {
  const { promise, resolve, reject } = Promise.withResolvers<Result>()
  const url = await serve((received, response) => {
    work(received, response)
      .then(resolve, reject)
      .finally(() => response.end())
  })
  await fetch(url, { headers })
  return promise
}

const text = async (answer: Promise<Response>): Promise<string> => (await answer).text()

describe('a call to another service', () => {
  test('takes what is left of the deadline of the request that is handled', async () => {
    const url = await serve(telling)
    const client = serviceClient('prices', () => url, clock)
    const left = await handling({ 'x-request-timeout-ms': '1000' }, async () => {
      const first = await text(client.fetch('/'))
      await clock.advance(300)
      await new Promise((resolve) => setImmediate(resolve))
      return [first, await text(client.fetch('/'))]
    })
    expect(left).toEqual(['1000', '700'])
  })

  test('has no deadline outside of a request, nor where the request has none', async () => {
    const url = await serve(telling)
    const client = serviceClient('prices', () => url, clock)
    expect(await text(client.fetch('/'))).toBe('undefined')
    expect(await handling({}, () => text(client.fetch('/')))).toBe('undefined')
    expect(await handling({ 'x-request-timeout-ms': 'soon' }, () => text(client.fetch('/')))).toBe('undefined')
  })

  test('is refused before anything is sent when the deadline has passed', async () => {
    let arrivals = 0
    const url = await serve((_received, response) => {
      arrivals += 1
      response.end()
    })
    const client = serviceClient('prices', () => url, clock)
    await handling({ 'x-request-timeout-ms': '1000' }, async () => {
      await clock.advance(1_000)
      await expect(client.fetch('/')).rejects.toMatchObject({ code: 'TF_DEADLINE_EXCEEDED' })
    })
    expect(arrivals).toBe(0)
  })

  test('is given up when the deadline passes before the answer begins, and ends there, too', async () => {
    const { promise: arrived, resolve: arrive } = Promise.withResolvers<void>()
    const { promise: ended, resolve: end } = Promise.withResolvers<void>()
    const url = await serve((_received, response) => {
      response.once('close', end)
      arrive()
    })
    const client = serviceClient('prices', () => url, clock)
    await handling({ 'x-request-timeout-ms': '1000' }, async () => {
      const answer = client.fetch('/')
      await Promise.all([
        expect(answer).rejects.toMatchObject({ code: 'TF_DEADLINE_EXCEEDED' }),
        arrived.then(() => clock.advance(1_000)),
      ])
    })
    await ended
    expect(clock.pending).toBe(0)
  })

  test('may take as long as it likes for the rest of an answer that began in time', async () => {
    let finish: () => void = () => undefined
    const url = await serve((_received, response) => {
      response.write('first ')
      finish = () => response.end('last')
    })
    const client = serviceClient('prices', () => url, clock)
    await handling({ 'x-request-timeout-ms': '1000' }, async () => {
      const answer = await client.fetch('/')
      await clock.advance(60_000)
      finish()
      expect(await answer.text()).toBe('first last')
    })
  })

  test('has no deadline any more once the request is answered', async () => {
    const url = await serve(telling)
    const client = serviceClient('prices', () => url, clock)
    const afterwards = await handling({ 'x-request-timeout-ms': '1000' }, async (_received, response) => {
      await new Promise<void>((resolve) => response.end(resolve))
      await clock.advance(5_000)
      return text(client.fetch('/'))
    })
    expect(afterwards).toBe('undefined')
  })

  test('counts the time of a request from the last byte of an upload', async () => {
    const url = await serve(telling)
    const client = serviceClient('prices', () => url, clock)
    const { promise: left, resolve, reject } = Promise.withResolvers<string>()
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>()
    const target = new URL(
      await serve((received, response) => {
        begin()
        received.resume()
        received.once('end', () => {
          text(client.fetch('/'))
            .then(resolve, reject)
            .finally(() => response.end())
        })
      }),
    )
    const upload = request(target, { method: 'POST', headers: { 'x-request-timeout-ms': '1000' } })
    upload.write('a')
    await begun
    await clock.advance(5_000)
    upload.end('b')
    expect(await left).toBe('1000')
  })

  test('never lasts longer than the request, whatever its own headers say, and may last less', async () => {
    const url = await serve(telling)
    const client = serviceClient('prices', () => url, clock)
    const given = (timeoutMs: string) => text(client.fetch('/', { headers: { 'x-request-timeout-ms': timeoutMs } }))
    await handling({ 'x-request-timeout-ms': '1000' }, async (received) => {
      expect([await given('5000'), await given('200')]).toEqual(['1000', '200'])
      await clock.advance(400)
      expect(await text(client.fetch('/', { headers: forwarded(received.headers) }))).toBe('600')
    })
    expect(await given('200')).toBe('200')
  })

  test('ends with the signal that it was given, as fetch does', async () => {
    const url = await serve(() => undefined)
    const client = serviceClient('prices', () => url, clock)
    await handling({ 'x-request-timeout-ms': '1000' }, async () => {
      await expect(client.fetch('/', { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' })
    })
  })

  test('belongs to its own request, also where several share a connection', async () => {
    const url = await serve(telling)
    const client = serviceClient('prices', () => url, clock)
    const target = new URL(
      await serve(async (_received, response) => {
        await new Promise((resolve) => setImmediate(resolve))
        response.end(await text(client.fetch('/')))
      }),
    )
    const seen: string[] = []
    for (const timeoutMs of ['900', undefined, '300']) {
      const headers: Record<string, string> = timeoutMs === undefined ? {} : { 'x-request-timeout-ms': timeoutMs }
      seen.push(await text(fetch(target, { headers })))
    }
    expect(seen).toEqual(['900', 'undefined', '300'])
  })
})
