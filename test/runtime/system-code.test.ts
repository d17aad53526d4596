import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { CertificateFiles } from '../../src/core/certificate.ts'
import type { ReleaseHistory } from '../../src/fleet/release-history.ts'
import { withEntry, withRollback } from '../../src/fleet/release-history.ts'
import type { PartsContext } from '../../src/runtime/parts-context.ts'
import { findRelease, pruneReleases, takeRelease } from '../../src/runtime/system-code.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'
import { testService } from '../fleet/test-service.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tenfold code '))
})
afterEach(() => rmSync(root, { recursive: true }))

test('keeps the releases that services can go back to, however many are taken in between', async () => {
  const clock = virtualClock()
  const directory = join(root, 'app')
  const context = {
    blueprint: { directory, gateway: { certificates: [] }, databases: {} },
    state: { releasesDirectory: join(root, 'state/releases') },
    user: undefined,
    clock,
    notice: ({ message }: { message: string }) => expect.unreachable(message),
  } as unknown as PartsContext
  const take = async (text: string): Promise<string> => {
    mkdirSync(directory, { recursive: true })
    writeFileSync(join(directory, 'package.json'), '{}')
    writeFileSync(join(directory, 'api.js'), text)
    await clock.advance('1m')
    return (await takeRelease(context)).id
  }
  let history: ReleaseHistory = {}
  const ran: string[] = []
  for (const text of ['0', '1', '2', '3']) {
    const release = await take(text)
    ran.push(release)
    history = withEntry(history, 'api', { release, atEpochMs: 1, by: 'release', state: 'released' })
  }
  const tried: string[] = []
  for (let edit = 0; edit < 8; edit++) tried.push(await take(`tried ${edit}`))
  history = withRollback(history, 'api', ran[2]!, { atEpochMs: 2, reason: 'asked for' })
  await pruneReleases(context, new Set([ran[2]!]), {}, history)
  const isKept = (id: string): boolean => existsSync(join(root, 'state/releases', id))
  expect(ran.map(isKept)).toEqual([true, true, true, false])
  expect(tried.filter(isKept)).toHaveLength(5)
  expect(await findRelease(context, testService(), ran[1]!)).toMatchObject({ id: ran[1], packageRoot: directory })
  expect(await findRelease(context, testService(), ran[3]!)).toBeUndefined()
})

test('takes neither backups nor a key of the gateway into a release, neither of the blueprint that runs nor of the one that is to', async () => {
  const directory = join(root, 'app')
  const pairIn = (name: string): CertificateFiles => ({
    certificate: join(directory, name, 'cert.pem'),
    key: join(directory, name, 'key.pem'),
  })
  const context = {
    blueprint: {
      directory,
      gateway: { certificates: [pairIn('now')] },
      databases: { orders: { backup: { to: { kind: 'folder', path: join(directory, 'backups') } } } },
    },
    state: { releasesDirectory: join(root, 'state/releases') },
    user: undefined,
    clock: virtualClock(),
  } as unknown as PartsContext
  const put = (text: string): void => {
    for (const path of [
      'now/cert.pem',
      'now/key.pem',
      'next/cert.pem',
      'next/key.pem',
      'other/key.pem',
      'backups/base',
    ]) {
      mkdirSync(join(directory, path, '..'), { recursive: true })
      writeFileSync(join(directory, path), path.startsWith('other') ? 'of the application' : text)
    }
  }
  const next = { ...context.blueprint, gateway: { ...context.blueprint.gateway, certificates: [pairIn('next')] } }
  put('first')
  const release = await takeRelease(context, next)
  const isThere = (path: string): boolean => existsSync(join(release.directory, path))
  expect(['backups', 'now/key.pem', 'next/key.pem', 'next/cert.pem', 'other/key.pem'].map(isThere)).toEqual([
    false,
    false,
    false,
    false,
    true,
  ])
  put('renewed')
  expect((await takeRelease(context, next)).id).toBe(release.id)
})
