import { constants, X509Certificate } from 'node:crypto'
import type { SecureContext, SecureContextOptions, Server } from 'node:tls'
import { createSecureContext } from 'node:tls'
import { describeCertificate } from '../../core/certificate.ts'
import { array, invalid, record } from '../json-checks.ts'

/** A certificate with its chain, and its key, as PEM. */
export interface CertificatePair {
  readonly certificate: string
  readonly key: string
}

/** What a secure listener shows to its clients. It may change while connections are open; they keep what they began with. */
export interface Certificates {
  /** When the first of them ends; undefined: there are none yet, and no handshake succeeds. */
  readonly endsEpochMs: number | undefined
  /** What they are for, and until when, for the log. */
  describe(): readonly string[]
  /** New connections get these; the first is for who asks for no name, or for none that is here. */
  use(pairs: readonly CertificatePair[]): void
  /** For who asks for a name; undefined: the first. */
  contextFor(serverName: string): SecureContext | undefined
  /** Has a server show them, now and after each change. */
  follow(server: Pick<Server, 'setSecureContext'>): void
}

const PAIRS_MAX = 100
const DAY_LENGTH = 10

export function createCertificates(): Certificates {
  const servers = new Set<Pick<Server, 'setSecureContext'>>()
  let first: SecureContextOptions | undefined
  let known: readonly { readonly leaf: X509Certificate; readonly context: SecureContext }[] = []
  return {
    get endsEpochMs() {
      return known.length === 0
        ? undefined
        : Math.min(...known.map(({ leaf }) => describeCertificate(leaf).endsEpochMs))
    },
    describe: () =>
      known.map(({ leaf }) => {
        const { names, endsEpochMs } = describeCertificate(leaf)
        return `${names}, until ${new Date(endsEpochMs).toISOString().slice(0, DAY_LENGTH)}`
      }),
    use(pairs) {
      // All before any: a failure leaves what was there.
      const next = pairs.map((pair) => ({
        leaf: new X509Certificate(pair.certificate),
        context: createSecureContext(optionsOf(pair)),
      }))
      first = pairs[0] && optionsOf(pairs[0])
      known = next
      if (first !== undefined) for (const server of servers) server.setSecureContext(first)
    },
    contextFor: (serverName) => known.find(({ leaf }) => leaf.checkHost(serverName) !== undefined)?.context,
    follow(server) {
      servers.add(server)
      if (first !== undefined) server.setSecureContext(first)
    },
  }
}

/**
 * Certificates that came over the admin socket. Nothing of a pair is shown: it may be the key.
 *
 * @throws TF_INPUT_INVALID
 */
export function parseCertificates(value: unknown): readonly CertificatePair[] {
  const pairs = array(record(value, 'input')['certificates'], 'certificates')
  if (pairs.length === 0 || pairs.length > PAIRS_MAX) throw invalid('certificates', `1 to ${PAIRS_MAX}`, pairs.length)
  return pairs.map((pair, at) => {
    const { certificate, key } = Object(pair) as Partial<Record<keyof CertificatePair, unknown>>
    if (typeof certificate === 'string' && typeof key === 'string') return { certificate, key }
    throw invalid(`certificates[${at}]`, 'a certificate and a key as text', 'something else')
  })
}

function optionsOf({ certificate, key }: CertificatePair): SecureContextOptions {
  // A client that renegotiates makes us work for nothing; TLS 1.3 has done away with it.
  return { cert: certificate, key, secureOptions: constants.SSL_OP_NO_RENEGOTIATION }
}
