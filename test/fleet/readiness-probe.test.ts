import type { RequestListener } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, test } from 'vitest'
import { findFreePort } from '../../src/core/free-port.ts'
import { probe } from '../../src/fleet/readiness-probe.ts'

async function withServer(listener: RequestListener, use: (port: number) => Promise<void>): Promise<void> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  try {
    await use((server.address() as AddressInfo).port)
  } finally {
    server.closeAllConnections()
    await new Promise((resolve) => void server.close(resolve))
  }
}

const host = '127.0.0.1'

describe('the readiness probe', () => {
  test('is content with a port that accepts where no path is given', async () => {
    await withServer(
      () => undefined,
      async (port) => expect(await probe({ host, port, health: undefined }, 1_000)).toEqual({ isReady: true }),
    )
  })

  test('says that a port does not accept', async () => {
    const port = await findFreePort()
    expect(await probe({ host, port, health: undefined }, 1_000)).toEqual({
      isReady: false,
      reason: `port ${port} does not accept: ECONNREFUSED`,
    })
    expect(await probe({ host, port, health: '/health' }, 1_000)).toMatchObject({ isReady: false })
  })

  test('takes any 2xx for ready, and nothing else', async () => {
    for (const status of [200, 204, 302, 404, 503]) {
      await withServer(
        (_request, response) => response.writeHead(status).end(),
        async (port) => {
          const result = await probe({ host, port, health: '/health' }, 1_000)
          if (status < 300) expect(result).toEqual({ isReady: true })
          else expect(result).toEqual({ isReady: false, reason: `/health answered ${status}` })
        },
      )
    }
  })

  test('waits no longer than it is told', async () => {
    await withServer(
      () => undefined,
      async (port) =>
        expect(await probe({ host, port, health: '/health' }, 30)).toEqual({
          isReady: false,
          reason: '/health did not answer within 30 ms',
        }),
    )
  })

  test('is not held up by an answer that never ends', async () => {
    await withServer(
      (_request, response) => void response.writeHead(200).write('begin'),
      async (port) => expect(await probe({ host, port, health: '/health' }, 1_000)).toEqual({ isReady: true }),
    )
  })
})

describe('a free port', () => {
  test('is none that was given to somebody who does not listen yet', async () => {
    const asked: number[] = []
    const port = await findFreePort((candidate) => asked.push(candidate) < 3)
    expect(asked).toHaveLength(3)
    expect(port).toBe(asked[2])
  })
})
