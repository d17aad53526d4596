import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import { messageOf, TenfoldError } from './errors.ts'

/** Where a certificate and its private key stand. */
export interface CertificateFiles {
  /** PEM: the certificate, then those that lead to a known authority. */
  readonly certificate: string
  /** PEM, without a passphrase. */
  readonly key: string
}

/** A certificate that a server can use: it has been read whole, and the key is its own. */
export interface Certificate {
  /** PEM, with its chain. */
  readonly certificate: string
  /** PEM. */
  readonly key: string
  /** What it is for, as it says: `shop.example, www.shop.example`. */
  readonly names: string
  readonly startsEpochMs: number
  readonly endsEpochMs: number
}

const FILE_BYTES_MAX = 256 * 1024
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g

/**
 * Reads a certificate and its key. Whether it holds now is not looked at: see `startsEpochMs` and `endsEpochMs`.
 *
 * @throws TF_CERTIFICATE_UNUSABLE with the file and the reason; never with anything of the key
 */
export async function readCertificate(files: CertificateFiles): Promise<Certificate> {
  const [certificate, key] = await Promise.all([readPem(files.certificate), readPem(files.key)])
  const leaf = leafOf(certificate, files.certificate)
  checkKey(key, leaf, files)
  try {
    createSecureContext({ cert: certificate, key })
  } catch (error) {
    throw unusable(files.certificate, `a certificate that TLS can use (${messageOf(error)})`)
  }
  return { certificate, key, ...describeCertificate(leaf) }
}

/** Authorities renew a month before the end, or sooner: who is later than this has a problem. */
const SOON_MS = 14 * 86_400_000

/** Whether it is time that somebody looks after a certificate that ends then; also when it has ended. */
export function endsSoon(endsEpochMs: number, nowEpochMs: number): boolean {
  return endsEpochMs - nowEpochMs < SOON_MS
}

/** What a certificate says of itself. */
export function describeCertificate(
  certificate: X509Certificate,
): Pick<Certificate, 'names' | 'startsEpochMs' | 'endsEpochMs'> {
  const { subjectAltName, subject, validFrom, validTo } = certificate
  return {
    names: subjectAltName?.replaceAll(/(?:DNS|IP Address):/g, '') ?? subject ?? 'nobody',
    startsEpochMs: Date.parse(validFrom),
    endsEpochMs: Date.parse(validTo),
  }
}

async function readPem(file: string): Promise<string> {
  try {
    // A pipe would be waited for.
    const { size } = await stat(file)
    if (size <= FILE_BYTES_MAX) return await readFile(file, 'utf8')
  } catch (error) {
    throw unusable(file, `a file that can be read (${messageOf(error)})`)
  }
  throw unusable(file, `${FILE_BYTES_MAX / 1024} KiB at most`)
}

/** The first of a file, when all of it is there. */
function leafOf(text: string, file: string): X509Certificate {
  const whole = text.match(CERTIFICATE) ?? []
  const begun = text.match(/-----BEGIN /g) ?? []
  if (whole.length === 0 || whole.length !== begun.length) {
    throw unusable(file, whole.length === 0 ? 'a whole certificate in PEM' : 'certificates in PEM, each of them whole')
  }
  try {
    return whole.map((pem) => new X509Certificate(pem))[0]!
  } catch (error) {
    throw unusable(file, `certificates that can be read (${messageOf(error)})`)
  }
}

function checkKey(pem: string, leaf: X509Certificate, files: CertificateFiles): void {
  if (/^(?:-----BEGIN ENCRYPTED|Proc-Type: 4,ENCRYPTED)/m.test(pem)) {
    throw unusable(files.key, 'a key without a passphrase')
  }
  let isOwn: boolean
  try {
    isOwn = leaf.checkPrivateKey(createPrivateKey(pem))
  } catch {
    throw unusable(files.key, 'a whole private key in PEM')
  }
  if (!isOwn) throw unusable(files.key, `the key of ${files.certificate}, but it is that of another certificate`)
}

function unusable(file: string, expected: string): TenfoldError {
  return new TenfoldError('TF_CERTIFICATE_UNUSABLE', `expected in ${file} ${expected}`, {
    hint: 'put the certificate and the key that belongs to it there; they are read again within seconds',
    details: { file },
  })
}
