import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { bucketRepository } from '../../src/backups/repositories/bucket.ts'
import type { BackupRepository } from '../../src/backups/repository.ts'
import type { Clock } from '../../src/core/clock.ts'
import { systemClock } from '../../src/core/clock.ts'
import { selfSigned } from '../gateway/tls/self-signed-for-tests.ts'
import type { StoreFault, StoreForTests } from './store-for-tests.ts'
import { startStore } from './store-for-tests.ts'

let directory: string
let store: StoreForTests
let keys: Record<string, string>
let pausesMs: number[]

/** Pauses are noted, and over at once. */
const clock: Clock = {
  ...systemClock,
  schedule(delayMs, callback) {
    pausesMs.push(delayMs)
    return systemClock.schedule(0, callback)
  },
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'a bucket '))
  store = await startStore()
  keys = { AWS_ACCESS_KEY_ID: 'KEY', AWS_SECRET_ACCESS_KEY: 'secret' }
  pausesMs = []
})

afterEach(async () => {
  await store.close()
  await rm(directory, { recursive: true, force: true })
})

function open(more: Partial<StoreForTests['bucket']> = {}): BackupRepository {
  return bucketRepository({ ...store.bucket, ...more }, { clock, secrets: async () => keys })
}

/** The store fails requests that begin so, so many times. */
function failing(start: string, fault: StoreFault, times = 1): void {
  let left = times
  store.fault = (request) => (request.startsWith(start) && left-- > 0 ? fault : undefined)
}

const BUSY = { status: 503, code: 'SlowDown' }

test('tries again with growing pauses when the store is busy, five times in all', async () => {
  const repository = open()
  failing('PUT a', BUSY, 4)
  expect(await repository.write('a', Buffer.from('1'))).toBe('written')
  expect(pausesMs).toHaveLength(4)
  expect(pausesMs).toEqual(pausesMs.toSorted((a, b) => a - b))
  failing('PUT b', BUSY, 5)
  await expect(repository.write('b', Buffer.from('1'))).rejects.toMatchObject({
    code: 'TF_REPOSITORY_UNREACHABLE',
    message: expect.stringContaining('503 SlowDown as the test says'),
  })
  expect(pausesMs).toHaveLength(8)
})

test('knows what it has written itself when the answer was lost', async () => {
  const repository = open()
  const large = join(directory, 'large')
  await writeFile(large, Buffer.alloc(17 * 1024 ** 2, 'x'))
  failing('PUT a', 'loses the answer')
  expect(await repository.write('a', Buffer.from('1'))).toBe('written')
  failing('POST b?uploadId', 'loses the answer')
  expect(await repository.writeFile('b', large)).toMatchObject({ sizeBytes: 17 * 1024 ** 2 })
  failing('PUT c?partNumber', 'loses the answer')
  expect(await repository.writeFile('c', large)).toMatchObject({ sizeBytes: 17 * 1024 ** 2 })
  expect(store.objects.get('a shop/+1/c')?.content.equals(Buffer.alloc(17 * 1024 ** 2, 'x'))).toBe(true)
  // Somebody else's, however, stays.
  failing('PUT a', BUSY)
  expect(await repository.write('a', Buffer.from('2'))).toBe('exists')
})

test('gives an upload in parts up when it fails, so that nobody pays for what is left', async () => {
  const repository = open()
  const large = join(directory, 'large')
  await writeFile(large, Buffer.alloc(9 * 1024 ** 2))
  failing('PUT a?partNumber', { status: 400, code: 'Broken' })
  await expect(repository.writeFile('a', large)).rejects.toMatchObject({ code: 'TF_REPOSITORY_UNREACHABLE' })
  await repository.write('b', Buffer.from('1'))
  await expect(repository.writeFile('b', large)).rejects.toMatchObject({ code: 'TF_REPOSITORY_UNREACHABLE' })
  expect(store.openUploads).toBe(0)
})

test('goes on with a file where the connection broke', async () => {
  const repository = open()
  const content = Buffer.alloc(900_000, 'row')
  await repository.write('a', content)
  failing('GET a', 'half an answer')
  let bytes = 0
  const moved = await repository.readFile('a', join(directory, 'a'), { onBytes: (count) => (bytes += count) })
  expect(moved).toMatchObject({ sizeBytes: content.length })
  expect(bytes).toBe(content.length)
  expect((await readFile(join(directory, 'a'))).equals(content)).toBe(true)
  failing('GET a', { status: 500, code: 'InternalError' }, 9)
  await expect(repository.readFile('a', join(directory, 'b'))).rejects.toMatchObject({
    code: 'TF_REPOSITORY_UNREACHABLE',
  })
  expect(await readdir(directory)).toEqual(['a'])
})

test('refuses a store that overwrites, before it writes anything there', async () => {
  store.isCareless = true
  const repository = open()
  const file = join(directory, 'file')
  await writeFile(file, '1')
  const refused = { code: 'TF_REPOSITORY_UNSUITABLE', hint: expect.stringContaining('If-None-Match') }
  await expect(repository.write('a', Buffer.from('1'))).rejects.toMatchObject(refused)
  await expect(repository.writeFile('a', file)).rejects.toMatchObject(refused)
  expect([...store.objects.keys()]).toEqual(['a shop/+1/tenfold-backups.json'])
  store.isCareless = false
  failing('PUT', { status: 501, code: 'NotImplemented' })
  await expect(repository.write('a', Buffer.from('1'))).rejects.toMatchObject(refused)
})

test('finds an object that is not what was written', async () => {
  const repository = open()
  await repository.write('a', Buffer.from('as written'))
  store.objects.get('a shop/+1/a')!.content = Buffer.from('changed...')
  await expect(repository.read('a')).rejects.toMatchObject({ code: 'TF_BACKUP_DAMAGED' })
})

test('locks what it writes for as long as was asked', async () => {
  const repository = open({ lockMs: 30 * 86_400_000 })
  const large = join(directory, 'large')
  await writeFile(large, Buffer.alloc(9 * 1024 ** 2))
  await repository.write('a', Buffer.from('1'))
  await repository.writeFile('b', large)
  for (const key of ['a', 'b']) {
    const { headers } = store.objects.get(`a shop/+1/${key}`)!
    expect(headers['x-amz-object-lock-mode']).toBe('COMPLIANCE')
    const days = (Date.parse(headers['x-amz-object-lock-retain-until-date']!) - Date.now()) / 86_400_000
    expect(days).toBeGreaterThan(29.9)
    expect(days).toBeLessThan(30.1)
  }
})

test('asks for keys that are not there by their names, and reads them anew when they are refused', async () => {
  const repository = open()
  keys = { AWS_ACCESS_KEY_ID: 'KEY' }
  await expect(repository.read('a')).rejects.toMatchObject({
    code: 'TF_SECRET_MISSING',
    message: expect.stringContaining('AWS_SECRET_ACCESS_KEY'),
  })
  keys = { AWS_ACCESS_KEY_ID: 'OLD', AWS_SECRET_ACCESS_KEY: 'secret' }
  await expect(repository.read('a')).rejects.toMatchObject({ hint: expect.stringContaining('keys') })
  keys = { AWS_ACCESS_KEY_ID: 'KEY', AWS_SECRET_ACCESS_KEY: 'secret' }
  expect(await repository.read('a')).toBeUndefined()
})

test.each([
  [{ status: 404, code: 'NoSuchBucket' }, 'create the bucket'],
  [{ status: 403, code: 'RequestTimeTooSkewed' }, 'set the clock'],
  [{ status: 301, code: 'PermanentRedirect' }, 'name the region'],
])('says what to do about %j', async (fault, hint) => {
  failing('', fault, 9)
  await expect(open().read('a')).rejects.toMatchObject({
    code: 'TF_REPOSITORY_UNREACHABLE',
    hint: expect.stringContaining(hint),
  })
  expect(pausesMs).toEqual([])
})

test('says that nobody listens, after some attempts', async () => {
  const repository = open()
  await store.close()
  await expect(repository.names('')).rejects.toMatchObject({
    code: 'TF_REPOSITORY_UNREACHABLE',
    message: expect.stringContaining('ECONNREFUSED'),
  })
  expect(pausesMs).toHaveLength(4)
  store = await startStore()
})

test('can be interrupted while a store does not answer, and used again', async () => {
  const repository = open()
  let isAsked = false
  store.fault = () => {
    isAsked = true
    return 'never answers'
  }
  const reading = expect(repository.read('a')).rejects.toThrow(/abort/i)
  await vi.waitFor(() => expect(isAsked).toBe(true))
  repository.interrupt?.()
  await reading
  store.fault = () => undefined
  expect(await repository.read('a')).toBeUndefined()
})

test('talks to nobody whose certificate it does not know', async () => {
  const { certificate, key } = selfSigned({ names: ['localhost'] })
  const impostor = createServer({ cert: certificate, key }, (_request, response) => response.end())
  impostor.listen(0, '127.0.0.1')
  await once(impostor, 'listening')
  try {
    const endpoint = `https://127.0.0.1:${(impostor.address() as AddressInfo).port}`
    await expect(open({ endpoint }).read('a')).rejects.toMatchObject({
      code: 'TF_REPOSITORY_UNREACHABLE',
      hint: expect.stringContaining('certificate'),
    })
    expect(pausesMs).toEqual([])
  } finally {
    impostor.close()
  }
})
