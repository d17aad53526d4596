import { request } from 'node:http'
import type { Clock } from '../../core/clock.ts'
import type { Endpoint } from '../gateway-config.ts'

/** Asks an instance whether it is well: undefined, or why not. Never rejects. */
export type ProbeInstance = (endpoint: Endpoint, path: string, timeoutMs: number) => Promise<string | undefined>

/** Probes on connections of their own: one that waited behind requests would say how busy an instance is. */
export function createProbe(clock: Clock): ProbeInstance {
  return ({ host, port }, path, timeoutMs) => {
    const { promise, resolve } = Promise.withResolvers<string | undefined>()
    const outgoing = request({ host, port, path, agent: false, headers: { 'user-agent': 'tenfold-gateway' } })
    const cancel = clock.schedule(timeoutMs, () => resolve(`${path} did not answer within ${timeoutMs} ms`))
    outgoing.once('response', ({ statusCode = 0 }) => {
      resolve(statusCode >= 200 && statusCode < 300 ? undefined : `${path} answered ${statusCode}`)
    })
    // Also after the end: a connection that we destroy says so.
    outgoing.on('error', (error) => resolve(`${path}: ${'code' in error ? String(error.code) : error.message}`))
    outgoing.end()
    return promise.finally(() => {
      cancel()
      outgoing.destroy()
    })
  }
}
