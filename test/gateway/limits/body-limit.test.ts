import type { IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { errorCodeOf, send, startBackend, startDataPlane } from '../data-plane-for-tests.ts'

/** Answers with the number of bytes that came, and counts requests that came as a whole. */
async function counting() {
  const whole: number[] = []
  let begun = 0
  const backend = await startBackend('api-1', (request: IncomingMessage, response) => {
    begun += 1
    let bytes = 0
    request.on('data', (chunk: Buffer) => (bytes += chunk.length))
    request.on('end', () => {
      whole.push(bytes)
      response.end(`${bytes}`)
    })
  })
  return Object.assign(backend, { whole, begun: () => begun })
}

/** What a server says to these pieces, until it ends the connection. */
function talk(port: number, pieces: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    const socket = connect({ host: '127.0.0.1', port }, () => {
      for (const piece of pieces) socket.write(piece)
    })
    socket.on('data', (chunk) => (text += chunk.toString('latin1')))
    // What is still on its way when the connection ends has it reset; what has been read counts.
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(text))
  })
}

const limited = { traffic: { bodyBytesMax: 100 } }

describe('a service with a limit on bodies', () => {
  it('takes a body of just that length', async () => {
    await using backend = await counting()
    await using plane = await startDataPlane([backend.endpoint], limited)
    const answer = await send(plane.port, '/', { method: 'POST', body: 'x'.repeat(100) })
    expect([answer.status, answer.text]).toEqual([200, '100'])
  })

  it('refuses a longer one by its head, and ends the connection', async () => {
    await using backend = await counting()
    await using plane = await startDataPlane([backend.endpoint], limited)
    const answer = await talk(plane.port, ['POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 101\r\n\r\n'])
    expect(answer).toMatch(/^HTTP\/1\.1 413 /)
    expect(answer.toLowerCase()).toContain('connection: close')
    expect(errorCodeOf(answer.split('\r\n\r\n')[1] ?? '')).toBe('body_too_large')
    expect(backend.begun()).toBe(0)
  })

  it('ends a chunked one when too much has come: the instance never sees its end', async () => {
    await using backend = await counting()
    await using plane = await startDataPlane([backend.endpoint], limited)
    const chunk = `32\r\n${'x'.repeat(50)}\r\n`
    const head = 'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n'
    const answer = await talk(plane.port, [head, chunk, chunk, chunk, '0\r\n\r\n'])
    expect(answer).toMatch(/^HTTP\/1\.1 413 /)
    expect(errorCodeOf(answer.split('\r\n\r\n')[1] ?? '')).toBe('body_too_large')
    const next = await send(plane.port, '/', { method: 'POST', body: 'after' })
    expect(next.text).toBe('5')
    expect(backend.whole).toEqual([5])
    expect(plane.proxy.services.get('api')!.health.out).toHaveLength(0)
    expect(plane.proxy.services.get('api')!.endpoints[0]!.inFlight).toBe(0)
  })
})
