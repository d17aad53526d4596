import { fork } from 'node:child_process'
import type { IncomingMessage } from 'node:http'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { findFreePort, isPortFree } from '../../../src/core/free-port.ts'
import { createGatewayClient } from '../../../src/gateway/gateway-client.ts'
import { send, startBackend } from '../../gateway/data-plane-for-tests.ts'
import { fakeClient, fakePrimary } from '../../gateway/doors/fake-primary.ts'
import { until, workbench } from './gateway-for-tests.ts'

const MIB = 1024 ** 2
const portOf = (url: string | undefined): number => Number(new URL(url!).port)

describe('the gateway process', () => {
  it('serves, reports frames and state, and leaves nothing behind', async () => {
    await using bench = await workbench()
    await using backend = await startBackend('api-1', (request, response) => response.end(request.url))
    const gateway = bench.gateway()
    await gateway.start()
    await gateway.publish('api', [backend.endpoint])
    expect((await send(portOf(gateway.url()), '/a?b=1')).text).toBe('/a?b=1')
    expect((await send(portOf(gateway.internalUrl()), '/api/c')).text).toBe('/c')
    for await (const frame of gateway.frames()) {
      expect(frame.source).toBe('gateway')
      const durations = frame.samples.find(({ name }) => name === 'http.server.request.duration')
      expect(durations).toMatchObject({ labels: { service: 'api', status_class: '2xx' } })
      break
    }
    const child = bench.process()
    await gateway.stop()
    expect(await child.exited).toEqual({ code: 0, signal: undefined })
    expect(bench.states.map(({ state }) => state)).toEqual(['starting', 'running', 'stopped'])
    expect(bench.subprocesses.list()).toEqual([])
    await expect(send(portOf(gateway.url()), '/')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })

  it('streams 50 MiB both ways in bounded memory, at the pace of a slow client', async () => {
    await using bench = await workbench()
    await using backend = await startBackend('api-1', (request, response) => {
      if (request.method === 'POST') {
        let bytes = 0
        request.on('data', (chunk: Buffer) => (bytes += chunk.length))
        request.on('end', () => response.end(String(bytes)))
        return
      }
      const piece = Buffer.alloc(MIB)
      let left = 50
      const push = (): void => {
        while (left > 0) {
          left -= 1
          if (!response.write(piece)) {
            response.once('drain', push)
            return
          }
        }
        response.end()
      }
      push()
    })
    const gateway = bench.gateway()
    await gateway.start()
    await gateway.publish('api', [backend.endpoint])
    const port = portOf(gateway.url())
    await send(port, '/', { method: 'POST', body: Buffer.alloc(MIB) })
    const before = bench.process().memoryBytes()!

    // Slow: nothing is read before the gateway has stopped reading from the instance.
    const answer = await new Promise<IncomingMessage>((resolve) => {
      request({ host: '127.0.0.1', port, path: '/', agent: false }, resolve).end()
    })
    answer.pause()
    await new Promise((resolve) => setTimeout(resolve, 500))
    const whilePaused = bench.process().memoryBytes()!
    let received = 0
    for await (const chunk of answer) received += (chunk as Buffer).length
    expect(received).toBe(50 * MIB)

    const uploaded = await send(port, '/', { method: 'POST', body: Buffer.alloc(50 * MIB) })
    expect(uploaded.text).toBe(String(50 * MIB))
    expect(whilePaused - before).toBeLessThan(30 * MIB)
    expect(bench.process().memoryBytes()! - before).toBeLessThan(100 * MIB)
  })

  it('does not let an instance that is killed in the middle of an answer look as if it had finished', async () => {
    await using bench = await workbench()
    const instance = fork(join(dirname(fileURLToPath(import.meta.url)), 'half-an-answer.ts'), { stdio: 'inherit' })
    const [port] = await new Promise<[number]>((resolve) =>
      instance.once('message', (port) => resolve([port as number])),
    )
    const gateway = bench.gateway()
    await gateway.start()
    await gateway.publish('api', [{ id: 'api-1', host: '127.0.0.1', port }])
    const exited = new Promise((resolve) => instance.once('exit', resolve))
    const answers = ['/chunked', '/length'].map((path) => send(portOf(gateway.url()), path))
    instance.once('message', () => instance.kill('SIGKILL'))
    const results = await Promise.allSettled(answers)
    await exited
    expect(
      results.map((result) => result.status === 'rejected' && (result.reason as NodeJS.ErrnoException).code),
    ).toEqual(['ECONNRESET', 'ECONNRESET'])
  })

  it('serves its last configuration when nobody is there to control it, and takes no older one', async () => {
    await using bench = await workbench()
    await using backend = await startBackend('api-1', (_request, response) => response.end('ok'))
    const gateway = bench.gateway()
    await gateway.start()
    await gateway.publish('api', [backend.endpoint])
    const client = createGatewayClient(join(bench.directory, 'gw.sock'))
    const { configVersion } = await client.state()
    const nobody = { api: { requestTimeoutMs: 1_000, endpoints: [] } }
    const routes = [{ prefix: '/', service: 'api' }]
    const older = await client.configure({ version: configVersion - 1, routes, services: nobody })
    expect(older).toEqual({ isApplied: false, version: configVersion, shut: {} })
    await expect(client.configure({ version: -1, routes, services: nobody })).rejects.toMatchObject({
      code: 'TF_INPUT_INVALID',
    })
    expect((await send(portOf(gateway.url()), '/')).text).toBe('ok')
  })

  it('is started again on the same ports, with the last configuration, when it is killed', async () => {
    await using bench = await workbench()
    await using backend = await startBackend('api-1', (_request, response) => response.end('ok'))
    const gateway = bench.gateway()
    await gateway.start()
    await gateway.publish('api', [backend.endpoint])
    const urls = [gateway.url(), gateway.internalUrl()]
    const frames = gateway.frames()
    await frames.next()
    const first = bench.process()
    first.signal('SIGKILL')
    await first.exited
    await gateway.publish('api', [backend.endpoint])
    await until(() => bench.states.filter(({ state }) => state === 'running').length === 2, 'a second process')
    expect([gateway.url(), gateway.internalUrl()]).toEqual(urls)
    expect((await send(portOf(gateway.url()), '/')).text).toBe('ok')
    expect((await send(portOf(gateway.internalUrl()), '/api/')).text).toBe('ok')
    expect(bench.notices).toEqual(['the gateway ended with signal SIGKILL and is started again'])
    expect((await frames.next()).done).toBe(false)
    await frames.return()
  })

  it('opens doors again on the same ports when it is killed, and closes them last', async () => {
    await using bench = await workbench()
    await using primary = await fakePrimary('first')
    const gateway = bench.gateway()
    await gateway.start()
    const port = await findFreePort()
    expect(await gateway.lead({ orders: { port, primary: { port: primary.port, term: 1 } } })).toEqual({})
    const before = fakeClient(port)
    await before.hears('first')
    bench.process().signal('SIGKILL')
    await before.closed
    await until(() => isPortFree(port).then((isFree) => !isFree), 'the door is open again')
    const after = fakeClient(port)
    await after.hears('first')
    await gateway.closeEntrances()
    await expect(send(portOf(gateway.url()), '/')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    after.socket.write('still here')
    await after.hears('still here')
    await gateway.stop()
    await after.closed
    expect(await isPortFree(port)).toBe(true)
  })

  it('waits for the last request of an instance that leaves, and sends it nothing more', async () => {
    await using bench = await workbench()
    let finish = (): void => undefined
    let requests = 0
    await using backend = await startBackend('api-1', (_request, response) => {
      requests += 1
      finish = () => response.end('finished')
    })
    const gateway = bench.gateway()
    await gateway.start()
    await gateway.publish('api', [backend.endpoint])
    const answer = send(portOf(gateway.url()), '/')
    await until(() => requests === 1, 'the request at the instance')
    await gateway.publish('api', [])
    expect((await send(portOf(gateway.url()), '/')).status).toBe(503)
    expect(await gateway.drained('api', 'api-1', 50)).toBe(false)
    const drained = gateway.drained('api', 'api-1', 10_000)
    finish()
    expect((await answer).text).toBe('finished')
    expect(await drained).toBe(true)
    expect(requests).toBe(1)
  })

  it('finishes what is under way when it is asked to leave, and closes idle connections at once', async () => {
    await using bench = await workbench()
    let finish = (): void => undefined
    await using backend = await startBackend('api-1', (_request, response) => {
      finish = () => response.end('finished')
    })
    const gateway = bench.gateway()
    await gateway.start()
    await gateway.publish('api', [backend.endpoint])
    const port = portOf(gateway.url())
    const idle = connect(port, '127.0.0.1')
    const idleClosed = new Promise((resolve) => idle.once('close', resolve))
    idle.resume()
    const answer = send(port, '/')
    const child = bench.process()
    await until(
      async () => (await createGatewayClient(join(bench.directory, 'gw.sock')).state()).services['api']!.inFlight === 1,
      'the request',
    )
    child.signal('SIGTERM')
    await idleClosed
    finish()
    const { text, headers } = await answer
    expect([text, headers.connection]).toEqual(['finished', 'close'])
    expect(await child.exited).toEqual({ code: 0, signal: undefined })
  })

  it('takes the next free port and says so, or, told to insist, says who holds it', async () => {
    const holder = createServer()
    await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve))
    const { port } = holder.address() as AddressInfo
    try {
      await using bench = await workbench()
      const flexible = bench.gateway({ port })
      await flexible.start()
      expect(portOf(flexible.url())).toBeGreaterThan(port)
      expect(bench.notices).toEqual([`port ${port} is in use, so the gateway listens on ${flexible.url()}`])
      const insisting = bench.gateway({ port, isPortGiven: true, adminSocketPath: join(bench.directory, 'gw2.sock') })
      await expect(insisting.start()).rejects.toMatchObject({
        code: 'TF_PORT_TAKEN',
        details: { port, ...(process.platform === 'linux' ? { pid: process.pid } : {}) },
      })
      expect(bench.subprocesses.list()).toHaveLength(1)
      await new Promise((resolve) => holder.close(resolve))
      await insisting.start()
      expect(portOf(insisting.url())).toBe(port)
    } finally {
      holder.close()
    }
  })

  it('can be stopped before it has started, while it starts, and twice', async () => {
    await using bench = await workbench()
    const gateway = bench.gateway()
    await gateway.stop()
    const starting = gateway.start()
    await Promise.all([gateway.stop(), expect(starting).rejects.toMatchObject({ code: 'TF_ABORTED' })])
    await gateway.stop()
    expect(bench.subprocesses.list()).toEqual([])
    await gateway.start()
    expect(bench.subprocesses.list()).toHaveLength(1)
  })
})
