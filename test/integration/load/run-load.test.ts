import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createServer as createTcpServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import type { Scenario } from '../../../src/blueprint/scenario.ts'
import { deserialiseHistogram } from '../../../src/core/histogram.ts'
import type { LoadSecond } from '../../../src/load/load-result.ts'
import { runLoad, runRequests } from '../../../src/load/run-load.ts'

const cleanUp: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const clean of cleanUp.splice(0)) await clean()
})

interface Site {
  readonly target: string
  readonly requests: { url: string; headers: IncomingMessage['headers']; body: string }[]
  connections(): Promise<number>
  /** Stops listening and breaks what is open. */
  kill(): void
}

async function site(answer: (url: string, response: ServerResponse, body: string) => void): Promise<Site> {
  const requests: Site['requests'] = []
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk) => (body += String(chunk)))
    request.on('end', () => {
      requests.push({ url: request.url ?? '', headers: request.headers, body })
      answer(request.url ?? '', response, body)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const kill = (): void => {
    server.close()
    server.closeAllConnections()
  }
  cleanUp.push(async () => kill())
  return {
    target: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    connections: () => new Promise((resolve) => server.getConnections((_error, count) => resolve(count))),
    kill,
  }
}

describe('a run of load', () => {
  it('brings every planned request to the server and back', async () => {
    const { target, requests } = await site((_url, response) => response.end('ok'))
    const seconds: LoadSecond[] = []
    const result = await runRequests({
      target,
      ratePerSecond: 300,
      durationMs: 1_200,
      seed: 1,
      onSecond: (second) => seconds.push(second),
    })
    expect(result.requests.failed).toBe(0)
    expect(result.sessions.planned).toBeGreaterThan(280)
    expect(result.requests.completed).toBe(result.sessions.planned)
    expect(requests).toHaveLength(result.sessions.planned)
    expect(deserialiseHistogram(result.latency.succeeded).count).toBe(result.requests.completed)
    expect(seconds).toEqual(result.seconds)
    expect(seconds.reduce((sum, { completed }) => sum + completed, 0)).toBe(result.requests.completed)
    expect(JSON.parse(JSON.stringify(result))).toEqual(result)
    expect(result.generator.cpuSeconds).toBeGreaterThan(0)
  })

  it('is the same load with one worker and with three', async () => {
    const { target } = await site((_url, response) => response.end())
    const load = { target, ratePerSecond: 200, durationMs: 600, seed: 7 }
    const one = await runRequests({ ...load, workers: 1 })
    const three = await runRequests({ ...load, workers: 3 })
    expect(three.sessions).toEqual(one.sessions)
    expect(three.generator.workers).toBe(3)
  })

  it('reads chunks, closings and answers without a body from a real server', async () => {
    const { target } = await site((url, response) => {
      if (url === '/chunks') {
        response.write('a')
        response.end('b')
      } else if (url === '/close') response.writeHead(200, { connection: 'close' }).end('c')
      else response.writeHead(204).end()
    })
    const scenario = (path: string): Scenario => ({ name: path, steps: [{ name: 'get', path }] })
    const result = await runLoad({
      target,
      scenarios: ['/chunks', '/close', '/none'].map(scenario),
      peakPerSecond: 200,
      durationMs: 600,
      seed: 1,
    })
    expect(result.failures).toEqual(expect.objectContaining({ connection: 0, protocol: 0, timeout: 0 }))
    expect(result.requests.succeeded).toBe(result.sessions.planned)
  })

  it('takes the end of the connection for the end of an answer without a length', async () => {
    const server = createTcpServer((socket) => {
      socket.on('data', () => socket.end('HTTP/1.0 200 OK\r\n\r\nall there is'))
      socket.on('error', () => socket.destroy())
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    cleanUp.push(async () => server.close())
    const result = await runRequests({
      target: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      request: { path: '/', check: { bodyContains: 'there is' } },
      ratePerSecond: 100,
      durationMs: 500,
      seed: 1,
    })
    expect(result.examples).toEqual([])
    expect(result.requests.succeeded).toBe(result.sessions.planned)
  })

  it('follows a scenario through feeds, extracts, checks, think time and code', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'tenfold load '))
    cleanUp.push(() => rm(directory, { recursive: true }))
    await writeFile(join(directory, 'users.csv'), 'id\n11\n12\n')
    await writeFile(
      join(directory, 'sign.ts'),
      'export const sign = (request: any, session: any) => {\n' +
        "  request.headers['x-signed'] = `${session.values.token}!`\n  return request\n}\n",
    )
    const { target, requests } = await site((url, response, body) => {
      if (url === '/sessions') response.writeHead(201).end(JSON.stringify({ token: `t${JSON.parse(body).user}` }))
      else response.end(JSON.stringify({ isDone: true }))
    })
    const scenario: Scenario = {
      name: 'dinner',
      feeds: { user: { file: 'users.csv', pick: 'sequential' } },
      steps: [
        {
          name: 'sign in',
          method: 'POST',
          path: '/sessions',
          json: { user: '{{user.id}}' },
          extract: { token: { json: 'token' } },
          check: { status: 201 },
          think: { mean: '20ms', distribution: 'constant' },
        },
        {
          name: 'order',
          path: '/orders/{{token}}',
          check: { json: { isDone: true } },
          code: { module: './sign.ts', export: 'sign' },
        },
      ],
    }
    const result = await runLoad({
      target,
      directory,
      scenarios: [scenario],
      peakPerSecond: 20,
      durationMs: 600,
      seed: 2,
    })
    expect(result.examples).toEqual([])
    const orders = requests.filter(({ url }) => url.startsWith('/orders'))
    expect(new Set(orders.map(({ url, headers }) => `${url} ${String(headers['x-signed'])}`))).toEqual(
      new Set(['/orders/t11 t11!', '/orders/t12 t12!']),
    )
    expect(result.steps.map(({ step, failed }) => [step, failed])).toEqual([
      ['sign in', 0],
      ['order', 0],
    ])
  })

  it('counts what fails when the server dies, and comes to an end', async () => {
    const { target, kill } = await site((_url, response) => response.end())
    const result = await runRequests({
      target,
      ratePerSecond: 200,
      durationMs: 2_000,
      seed: 1,
      onSecond: ({ second }) => {
        if (second === 0) kill()
      },
    })
    expect(result.requests.succeeded).toBeGreaterThan(100)
    expect(result.failures.connection).toBeGreaterThan(100)
    expect(result.examples).toContainEqual({
      scenario: 'requests',
      step: 'request',
      kind: 'connection',
      problem: 'ECONNREFUSED',
    })
  })

  it('says at once that nobody listens', async () => {
    const { target, kill } = await site(() => undefined)
    kill()
    await expect(runRequests({ target, ratePerSecond: 10, durationMs: 60_000, seed: 1 })).rejects.toMatchObject({
      code: 'TF_TARGET_UNREACHABLE',
      message: expect.stringContaining('ECONNREFUSED'),
    })
  })

  it('ends at once by its signal, and leaves no connection', async () => {
    const { target, connections } = await site((_url, response) => response.end())
    const abort = new AbortController()
    const run = runRequests({
      target,
      ratePerSecond: 100,
      durationMs: 60_000,
      seed: 1,
      signal: abort.signal,
      onSecond: () => abort.abort(),
    })
    await expect(run).rejects.toMatchObject({ code: 'TF_ABORTED' })
    await expect.poll(connections, { timeout: 5_000 }).toBe(0)
    await expect(
      runRequests({ target, ratePerSecond: 1, durationMs: 1, seed: 1, signal: abort.signal }),
    ).rejects.toMatchObject({ code: 'TF_ABORTED' })
  })

  it('names the module whose code is not there', async () => {
    const { target } = await site((_url, response) => response.end())
    const steps = [{ name: 'a', path: '/', code: { module: './none.ts', export: 'f' } }]
    const run = runLoad({ target, scenarios: [{ name: 's', steps }], peakPerSecond: 1, durationMs: 100, seed: 1 })
    await expect(run).rejects.toMatchObject({
      code: 'TF_SCENARIO_INVALID',
      message: expect.stringContaining('none.ts'),
    })
  })
})
