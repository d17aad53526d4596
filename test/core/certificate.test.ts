import { generateKeyPairSync } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { CertificateFiles } from '../../src/core/certificate.ts'
import { endsSoon, readCertificate } from '../../src/core/certificate.ts'
import { selfSigned, writePair } from '../gateway/tls/self-signed-for-tests.ts'

const good = selfSigned({ names: ['shop.test', '*.shop.test'], days: 30 })
const other = selfSigned()
let directory: string
let files: CertificateFiles

beforeAll(async () => void (directory = await mkdtemp(join(tmpdir(), 'tenfold tls '))))
afterAll(() => rm(directory, { recursive: true }))

async function read(certificate: string, key: string): ReturnType<typeof readCertificate> {
  files = await writePair(directory, { certificate, key })
  return readCertificate(files)
}

describe('a certificate in files', () => {
  it('says what it is for and until when', async () => {
    const { names, endsEpochMs, startsEpochMs } = await read(good.certificate, good.key)
    expect(names).toBe('shop.test, *.shop.test, 127.0.0.1')
    expect(Math.round((endsEpochMs - startsEpochMs) / 86_400_000)).toBe(31)
    expect(endsSoon(endsEpochMs, endsEpochMs - 13 * 86_400_000)).toBe(true)
    expect(endsSoon(endsEpochMs, endsEpochMs - 15 * 86_400_000)).toBe(false)
  })

  it('may have others behind it', async () => {
    expect((await read(good.certificate + other.certificate, good.key)).certificate).toContain(other.certificate)
  })

  const half = (text: string): string => text.slice(0, text.length / 2)
  const locked = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' },
  }).privateKey

  it.each([
    ['is empty', '', good.key, /cert\.pem a whole certificate/],
    ['is half written', half(good.certificate), good.key, /cert\.pem a whole certificate/],
    ['has half a chain', good.certificate + half(other.certificate), good.key, /cert\.pem .*each of them whole/],
    [
      'is damaged',
      good.certificate.replace(/\n.{9}/, '\nAAAAAAAAA'),
      good.key,
      /cert\.pem certificates that can be read/,
    ],
    ['has half a key', good.certificate, half(good.key), /key\.pem a whole private key/],
    [
      'has the key of another',
      good.certificate,
      other.key,
      /key\.pem the key of .*cert\.pem, but it is that of another/,
    ],
    ['has a key with a passphrase', good.certificate, locked, /key\.pem a key without a passphrase/],
    ['has no end', 'x'.repeat(300_000), good.key, /cert\.pem 256 KiB at most/],
  ])('is refused when it %s, with the file and nothing of the key', async (_name, certificate, key, message) => {
    const error = await read(certificate, key).catch((failure: unknown) => failure)
    expect(error).toMatchObject({ code: 'TF_CERTIFICATE_UNUSABLE', message: expect.stringMatching(message) })
    expect(JSON.stringify(error) + String(error)).not.toContain(good.key.slice(40, 60))
  })

  it('is refused when a file is missing', async () => {
    await read(good.certificate, good.key)
    await rm(files.key)
    await expect(readCertificate(files)).rejects.toThrow(/key\.pem a file that can be read \(ENOENT/)
  })
})
