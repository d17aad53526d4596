import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import type { Socket } from 'node:net'
import { connect as connectPlainly } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ConnectionOptions, TLSSocket } from 'node:tls'
import { connect } from 'node:tls'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createCertificates } from '../../../src/gateway/tls/certificates.ts'
import type { DataPlane } from '../data-plane-for-tests.ts'
import { startBackend, startDataPlane } from '../data-plane-for-tests.ts'
import { selfSigned } from './self-signed-for-tests.ts'

const shop = selfSigned({ names: ['shop.test'] })
const other = selfSigned({ names: ['*.other.test'] })
const renewed = selfSigned({ names: ['new.shop.test', 'shop.test'] })
const trusted = [shop, other, renewed].map(({ certificate }) => certificate)

async function secured(
  listener: Parameters<typeof startBackend>[1] = (incoming, response) =>
    response.end(`${incoming.headers['x-forwarded-proto']}`),
  options: Parameters<typeof startDataPlane>[1] = {},
): Promise<DataPlane & { certificates: ReturnType<typeof createCertificates> }> {
  const certificates = createCertificates()
  certificates.use([shop, other])
  const backend = await startBackend('api-1', listener)
  const plane = await startDataPlane([backend.endpoint], { certificates, ...options })
  onTestFinished(async () => {
    await plane[Symbol.asyncDispose]()
    await backend[Symbol.asyncDispose]()
  })
  return Object.assign(plane, { certificates })
}

/** A connection whose handshake has ended. */
async function secureConnection(port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port, ca: trusted, servername: 'shop.test', ...options })
  onTestFinished(() => void socket.destroy())
  await once(socket, 'secureConnect')
  return socket
}

/** Everything until the other side closes. */
async function restOf(socket: Socket): Promise<string> {
  let text = ''
  socket.setEncoding('latin1')
  socket.on('data', (piece: string) => (text += piece))
  socket.on('error', () => socket.destroy())
  if (!socket.closed) await once(socket, 'close')
  return text
}

function ask(port: number, path = '/', body?: Buffer): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const sent = request({
      host: '127.0.0.1',
      port,
      path,
      method: body === undefined ? 'GET' : 'POST',
      ca: trusted,
      servername: 'shop.test',
      agent: false,
    })
    sent.once('error', reject)
    sent.once('response', (response: IncomingMessage) => {
      let text = ''
      response.on('data', (piece: Buffer) => (text += piece.toString('latin1')))
      response.once('error', reject)
      response.once('end', () => resolve({ status: response.statusCode!, text }))
    })
    sent.end(body)
  })
}

describe('a listener with TLS', () => {
  it('serves requests and says so to the instance, while calls between services stay plain', async () => {
    const plane = await secured()
    expect(await ask(plane.port)).toEqual({ status: 200, text: 'https' })
    const internal = await fetch(`http://127.0.0.1:${plane.internalPort}/api/`)
    expect(await internal.text()).toBe('http')
  })

  it('carries large bodies both ways', async () => {
    const plane = await secured((incoming, response) => void incoming.pipe(response))
    const { text } = await ask(plane.port, '/', Buffer.alloc(3_000_000, 'x'))
    expect(text).toHaveLength(3_000_000)
  })

  it.each([
    ['shop.test', 'shop.test'],
    ['www.other.test', '*.other.test'],
    ['nobody.test', 'shop.test'],
    ['', 'shop.test'],
  ])('shows to who asks for "%s" the certificate of %s', async (servername, subject) => {
    const plane = await secured()
    const socket = await secureConnection(plane.port, { servername, checkServerIdentity: () => undefined })
    expect(socket.getPeerCertificate().subject.CN).toBe(subject)
  })

  it('shows a new certificate to new connections, and goes on with those that are open', async () => {
    const plane = await secured()
    const before = await secureConnection(plane.port)
    const session = before.getSession()
    plane.certificates.use([renewed])
    const after = await secureConnection(plane.port, session === undefined ? {} : { session })
    expect(after.getPeerCertificate().raw).not.toEqual(before.getPeerCertificate().raw)
    before.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    expect(await restOf(before)).toContain('200 OK')
  })

  it('keeps what it has when a new one is of no use', async () => {
    const plane = await secured()
    expect(() => plane.certificates.use([{ ...renewed, key: other.key }])).toThrow(/key values mismatch/)
    expect((await ask(plane.port)).status).toBe(200)
  })

  it('carries a WebSocket', async () => {
    const plane = await secured()
    plane.configure({ api: { requestTimeoutMs: 1_000, endpoints: [(await echoing()).endpoint] } })
    const socket = await secureConnection(plane.port)
    const head = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'
    socket.write(head)
    expect(String(await once(socket, 'data'))).toContain('101 Switching Protocols')
    socket.write('hello')
    expect(String(await once(socket, 'data'))).toBe('hello')
  })

  it('serves files', async () => {
    const plane = await secured()
    const directory = await mkdtemp(join(tmpdir(), 'tenfold tls '))
    onTestFinished(() => rm(directory, { recursive: true }))
    await writeFile(join(directory, 'index.html'), 'x'.repeat(200_000))
    const files = { directories: [directory], routes: ['/front'] }
    plane.configure({ front: { requestTimeoutMs: 1_000, endpoints: [], files } })
    const { status, text } = await ask(plane.port, '/front/')
    expect([status, text.length]).toEqual([200, 200_000])
  })

  it('never lets half an answer look whole: the connection is reset', async () => {
    const plane = await secured((_incoming, response) => {
      response.writeHead(200, { connection: 'close' })
      response.write('half', () => response.socket?.resetAndDestroy())
    })
    const socket = await secureConnection(plane.port)
    // HTTP/1.0 has no other sign of the end of a body than the end of the connection.
    socket.write('GET / HTTP/1.0\r\n\r\n')
    const [error] = (await once(socket, 'error').catch((failure: unknown) => [failure])) as [NodeJS.ErrnoException]
    expect(error.code).toBe('ECONNRESET')
  })
})

describe('who does not speak TLS as it should', () => {
  const patience = { headersMs: 200, requestMs: 400, checkMs: 50 }

  it.each([
    ['says nothing', ''],
    ['speaks HTTP', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['begins a handshake and stops', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ])('is closed without an answer when it %s', async (_name, text) => {
    const plane = await secured(undefined, { patience })
    const socket = connectPlainly(plane.port, '127.0.0.1', () => socket.write(text, 'latin1'))
    expect(await restOf(socket)).not.toContain('HTTP')
  })

  it('is closed when it ends the handshake and then says nothing', async () => {
    // The handshake has to end in that time, also on a machine that does ten other things.
    const plane = await secured(undefined, { patience: { headersMs: 3_000, requestMs: 4_000, checkMs: 100 } })
    expect(await restOf(await secureConnection(plane.port))).toMatch(/^(HTTP\/1\.1 408 |$)/)
  })

  it('is refused with a version before 1.2', async () => {
    const plane = await secured()
    const socket = connect({
      host: '127.0.0.1',
      port: plane.port,
      maxVersion: 'TLSv1.1',
      minVersion: 'TLSv1',
      ciphers: 'ALL:@SECLEVEL=0',
    })
    await expect(once(socket, 'secureConnect')).rejects.toThrow(/protocol version|unsupported protocol/)
  })

  it('can not make it renegotiate', async () => {
    const plane = await secured()
    const socket = await secureConnection(plane.port, { maxVersion: 'TLSv1.2' })
    const refused = Promise.withResolvers<Error | null>()
    socket.once('error', refused.resolve)
    socket.renegotiate({}, refused.resolve)
    expect(String(await refused.promise)).toMatch(/no renegotiation/i)
  })
})

/** An instance that agrees to become a WebSocket and says everything again. */
async function echoing(): ReturnType<typeof startBackend> {
  const backend = await startBackend('api-2', (_incoming, response) => response.end())
  backend.server.on('upgrade', (_incoming, socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
    socket.pipe(socket)
  })
  onTestFinished(() => backend[Symbol.asyncDispose]())
  return backend
}
