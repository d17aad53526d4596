import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { messageOf, TenfoldError } from '../core/errors.ts'
import type { Address } from './transport.ts'

/** A target, its name resolved once and not for every connection. */
export interface Target {
  readonly address: Address
  /** Value of the Host header. */
  readonly host: string
}

/**
 * Resolves the address of a target.
 *
 * @param target such as `http://127.0.0.1:8080`
 * @param trusted see `LoadOptions.trusted`
 * @throws TF_TARGET_INVALID, TF_TARGET_UNREACHABLE
 */
export async function resolveTarget(target: string, trusted?: string): Promise<Target> {
  const url = URL.parse(target)
  if (
    url === null ||
    !/^https?:$/.test(url.protocol) ||
    url.pathname !== '/' ||
    url.search !== '' ||
    url.username !== ''
  ) {
    throw new TenfoldError('TF_TARGET_INVALID', `expected a target like 'http://127.0.0.1:8080', got '${target}'`, {
      hint: 'give scheme, host and port; paths belong to the steps',
    })
  }
  const name = url.hostname.replace(/^\[|\]$/g, '')
  const isSecure = url.protocol === 'https:'
  const port = url.port === '' ? (isSecure ? 443 : 80) : Number(url.port)
  const tls = isSecure ? { tls: { serverName: isIP(name) === 0 ? name : undefined, trusted } } : {}
  if (isIP(name) !== 0) return { address: { host: name, port, ...tls }, host: url.host }
  try {
    const { address } = await lookup(name)
    return { address: { host: address, port, ...tls }, host: url.host }
  } catch (cause) {
    throw new TenfoldError('TF_TARGET_UNREACHABLE', `expected to find the host of ${target}: ${messageOf(cause)}`, {
      hint: 'correct the name of the host, or give its address',
      cause,
    })
  }
}
