import { request } from 'node:http'
import { messageOf, TenfoldError } from '../core/errors.ts'

/** Where an instance publishes its numbers. */
export interface PageAddress {
  readonly host: string
  readonly port: number
  readonly path: string
}

/** More than any program has to say; what is larger is not read to its end. */
const PAGE_BYTES_MAX = 4 * 1_024 * 1_024

/**
 * Reads a page of an instance, on a connection of its own.
 *
 * @throws TF_SIGNAL_UNREADABLE when it does not answer with 200 within `timeoutMs`, or with more than 4 MiB
 */
export async function readPage({ host, port, path }: PageAddress, timeoutMs: number): Promise<string> {
  const signal = AbortSignal.timeout(timeoutMs)
  const headers = { 'user-agent': 'tenfold-autoscaler', accept: 'text/plain;version=0.0.4' }
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const outgoing = request({ host, port, path, agent: false, signal, headers })
  outgoing.once('error', reject)
  outgoing.once('response', (response) => {
    const chunks: Buffer[] = []
    let bytes = 0
    response.once('error', reject)
    if (response.statusCode !== 200) reject(new Error(`answered ${response.statusCode}`))
    response.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > PAGE_BYTES_MAX) reject(new Error(`is larger than ${PAGE_BYTES_MAX / 1_024 / 1_024} MiB`))
      else chunks.push(chunk)
    })
    response.once('end', () => resolve(Buffer.concat(chunks).toString('utf8')))
  })
  outgoing.end()
  try {
    return await promise
  } catch (error) {
    const problem = signal.aborted ? `did not answer within ${timeoutMs} ms` : messageOf(error)
    throw new TenfoldError('TF_SIGNAL_UNREADABLE', `expected a page at ${path}, but it ${problem}`, {
      hint: 'let instances publish the number there, or correct "from" in the blueprint',
      cause: error,
    })
  } finally {
    outgoing.destroy()
  }
}
