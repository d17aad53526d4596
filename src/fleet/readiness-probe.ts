import { request } from 'node:http'
import { connect } from 'node:net'
import type { ProbeResult } from './instance-host.ts'

/** What to ask and where. */
export interface ProbeTarget {
  readonly host: string
  readonly port: number
  /** Path that answers 2xx when ready; undefined: it is enough that the port accepts a connection. */
  readonly health: string | undefined
}

/** Asks once whether a server is ready, on a connection of its own. Never rejects. */
export function probe(target: ProbeTarget, timeoutMs: number): Promise<ProbeResult> {
  return target.health === undefined ? probePort(target, timeoutMs) : probeHealth(target, target.health, timeoutMs)
}

function probePort({ host, port }: ProbeTarget, timeoutMs: number): Promise<ProbeResult> {
  const { promise, resolve } = Promise.withResolvers<ProbeResult>()
  const socket = connect({ host, port, timeout: timeoutMs })
  socket.once('connect', () => resolve({ isReady: true }))
  socket.once('timeout', () => resolve(notReady(`port ${port} did not accept within ${timeoutMs} ms`)))
  socket.once('error', (error) => resolve(notReady(`port ${port} does not accept: ${codeOf(error)}`)))
  return promise.finally(() => socket.destroy())
}

function probeHealth({ host, port }: ProbeTarget, path: string, timeoutMs: number): Promise<ProbeResult> {
  const { promise, resolve } = Promise.withResolvers<ProbeResult>()
  const signal = AbortSignal.timeout(timeoutMs)
  const outgoing = request({ host, port, path, agent: false, signal, headers: { 'user-agent': 'tenfold-health' } })
  outgoing.once('response', (response) => {
    const status = response.statusCode ?? 0
    response.destroy()
    resolve(status >= 200 && status < 300 ? { isReady: true } : notReady(`${path} answered ${status}`))
  })
  outgoing.once('error', (error) => {
    resolve(notReady(signal.aborted ? `${path} did not answer within ${timeoutMs} ms` : `${path}: ${codeOf(error)}`))
  })
  outgoing.end()
  return promise.finally(() => outgoing.destroy())
}

function notReady(reason: string): ProbeResult {
  return { isReady: false, reason }
}

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message
}
