import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import type { Server } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { systemClock } from '../../../src/core/clock.ts'
import { clientConnectionsMax, createGatewayServer } from '../../../src/gateway/gateway-server.ts'
import { until, workbench } from './gateway-for-tests.ts'

const canLimit = spawnSync('prlimit', ['--version']).status === 0
const FILES = 128

/** An instance that answers with "here". */
async function instance(): Promise<Server> {
  const server = createServer((_request, response) => response.end('here'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}

async function answer(url: string): Promise<string> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(5_000) })
    return await response.text()
  } catch (error) {
    return String(error)
  }
}

test('clients never get all the descriptors that a process may have', () => {
  for (const files of [256, 1_024, 20_000, 1_000_000]) {
    const clients = clientConnectionsMax('public', files) + clientConnectionsMax('internal', files)
    expect(clients).toBeLessThanOrEqual(Math.min(20_000, (files - 64) * 0.7))
  }
  expect(clientConnectionsMax('public', undefined)).toBe(10_000)
  expect(clientConnectionsMax('public', 10)).toBe(16)
})

test('connections beyond the limit are closed, and those that are open are answered', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'tenfold gateway '))
  const problems: string[] = []
  const gateway = createGatewayServer({
    host: '127.0.0.1',
    port: 0,
    isPortGiven: false,
    internalPort: 0,
    headers: { bytesMax: 16_384, countMax: 100 },
    isSecure: false,
    adminSocketPath: join(directory, 'gw.sock'),
    stopDeadlineMs: 1_000,
    clock: systemClock,
    openFilesMax: 100,
    onProblem: (message) => problems.push(message),
  })
  await gateway.start()
  const { port } = new URL(gateway.state().url)
  const sockets = Array.from({ length: 40 }, () => connect(Number(port), '127.0.0.1').on('error', () => undefined))
  let said = ''
  let closed = 0
  for (const socket of sockets) {
    socket.on('close', () => closed++).on('data', (data) => (said += String(data)))
  }
  await until(() => closed === 40 - 18, 'all but 18 to be closed')
  for (const socket of sockets.filter(({ destroyed }) => !destroyed)) socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n')
  await until(() => said.split('HTTP/1.1 404').length === 19, 'the others to be answered')
  expect(problems).toEqual([expect.stringMatching(/^18 connections of clients are open, which is the most/)])
  for (const socket of sockets) socket.destroy()
  await gateway.stop(0)
  rmSync(directory, { recursive: true })
})

test.skipIf(!canLimit)(
  'a gateway that runs out of descriptors keeps its listeners, and answers when some are free',
  async () => {
    await using bench = await workbench()
    const server = await instance()
    const gateway = bench.gateway()
    await gateway.start()
    const { pid } = bench.process().identity
    // After the start, so that nothing in it knows of the limit: descriptors do run out.
    expect(spawnSync('prlimit', ['--pid', String(pid), `--nofile=${FILES}:${FILES}`]).status).toBe(0)
    await gateway.publish('api', [{ id: 'api-1', host: '127.0.0.1', port: (server.address() as AddressInfo).port }])
    const url = gateway.url()!
    await until(async () => (await answer(url)) === 'here', 'an answer before the flood')

    const { port } = new URL(url)
    const sockets: Socket[] = []
    let closed = 0
    for (let i = 0; i < 2 * FILES; i++) {
      const socket = connect(Number(port), '127.0.0.1')
      socket.on('error', () => undefined).on('close', () => closed++)
      sockets.push(socket)
    }
    await until(() => closed > FILES / 2, 'connections beyond the limit to be closed')
    for (const socket of sockets) socket.destroy()
    await until(async () => (await answer(url)) === 'here', 'an answer after the flood')
    expect(bench.process().identity.pid).toBe(pid)
    expect(await bench.log()).not.toContain(' error ')
    await gateway.stop()
    server.close()
  },
)
