import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { signRequest } from '../../../src/backups/bucket/sign-request.ts'
import type { ResolvedBucket } from '../../../src/blueprint/resolved-backup.ts'
import { sleep, systemClock } from '../../../src/core/clock.ts'
import { findFreePort } from '../../../src/core/free-port.ts'

/** A store that other people have written, running on this machine. */
export interface S3Store {
  readonly version: string
  /** Keys for it. */
  readonly secrets: () => Promise<Readonly<Record<string, string>>>
  bucket(prefix: string, more?: Partial<ResolvedBucket>): ResolvedBucket
  /** A further bucket, with object lock. */
  makeBucket(name: string): Promise<void>
  /** What the store says of an object's lock. */
  retentionOf(bucket: string, key: string): Promise<string>
  stop(): Promise<void>
}

const ACCESS = 'tenfold-test'
const SECRET = 'not-a-secret'
const LISTEN_TIMEOUT_MS = 30_000

/** How the program is had, for people. */
export const HOW_TO_GET = 'go install github.com/versity/versitygw/cmd/versitygw@latest, and put it on the PATH'

/** Starts Versity's S3 gateway over a temporary folder. @returns undefined when it is not installed */
export async function startS3Store(): Promise<S3Store | undefined> {
  const program = process.env['VERSITYGW'] ?? 'versitygw'
  const said = spawnSync(program, ['--version'], { encoding: 'utf8', timeout: 20_000 })
  if (said.status !== 0) return undefined
  const directory = mkdtempSync(join(tmpdir(), 'tenfold s3 '))
  for (const name of ['data', 'data/acme', 'versions']) mkdirSync(join(directory, name))
  const port = await findFreePort()
  const args = ['--quiet', '--port', `127.0.0.1:${port}`, '--access', ACCESS, '--secret', SECRET, 'posix']
  const child = spawn(program, [...args, '--versioning-dir', join(directory, 'versions'), join(directory, 'data')], {
    stdio: 'ignore',
    env: { PATH: process.env['PATH'] },
  })
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
    child.once('error', () => resolve())
  })
  await listening(port)
  const endpoint = `http://127.0.0.1:${port}`
  const ask = async (method: string, path: string, headers: Readonly<Record<string, string>>): Promise<string> => {
    const url = new URL(path, endpoint)
    const keys = { accessKeyId: ACCESS, secretAccessKey: SECRET, sessionToken: undefined }
    const bodySha256 = createHash('sha256').digest('hex')
    const at = { region: 'us-east-1', epochMs: systemClock.epochMs() }
    const { host: _host, ...signed } = signRequest({ method, url, headers, bodySha256 }, keys, at)
    return (await fetch(url, { method, headers: signed })).text()
  }
  return {
    version: /Version\s*:\s*(\S+)/.exec(said.stdout)?.[1] ?? 'unknown',
    secrets: async () => ({ AWS_ACCESS_KEY_ID: ACCESS, AWS_SECRET_ACCESS_KEY: SECRET }),
    bucket: (prefix, more) => ({
      kind: 'bucket',
      name: 'acme',
      prefix,
      region: 'us-east-1',
      endpoint,
      lockMs: undefined,
      ...more,
    }),
    async makeBucket(name) {
      await ask('PUT', `/${name}`, { 'x-amz-bucket-object-lock-enabled': 'true' })
    },
    retentionOf: (bucket, key) => ask('GET', `/${bucket}/${key}?retention`, {}),
    async stop() {
      child.kill('SIGKILL')
      await ended
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

async function listening(port: number): Promise<void> {
  const untilMs = systemClock.nowMs() + LISTEN_TIMEOUT_MS
  for (;;) {
    const isThere = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1')
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
      socket.once('connect', () => socket.destroy())
    })
    if (isThere) return
    if (systemClock.nowMs() > untilMs) throw new Error(`expected a store on port ${port} within 30 s, got none`)
    await sleep(systemClock, 50)
  }
}
