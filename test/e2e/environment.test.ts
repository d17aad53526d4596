import { chmodSync, chownSync, existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { canAccess, findChildUser } from '../../src/core/child-user.ts'
import { shop, shopWithDatabase } from './shop.ts'
import type { Stage } from './stage.ts'
import { ask, CHECKOUT, stage, TEST_TIMEOUT_MS, urlIn } from './stage.ts'

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS })

const UP = ['up', '--port', '0']
const isRoot = process.getuid?.() === 0
/** An ordinary user; undefined where we are one ourselves. */
const account = findChildUser()
const user = account === undefined ? {} : { user: { uid: account.uid, gid: account.gid } }
const canRunHere = account === undefined || (await canAccess(account, CHECKOUT, 'execute'))

const UMASK = ['/bin/sh', '-c', 'umask 077; exec "$@"', 'sh', process.execPath, `${CHECKOUT}bin/tenfold.js`]

/** Everything of a stage becomes somebody's. */
function give(on: Stage): Stage {
  if (account === undefined) return on
  const files = readdirSync(on.directory, { recursive: true, encoding: 'utf8' })
  for (const file of ['.', ...files]) chownSync(join(on.directory, file), account.uid, account.gid)
  return on
}

async function answers(on: Stage, options: Parameters<Stage['tenfold']>[1] = {}): Promise<{ uid: number }> {
  const up = on.tenfold(UP, options)
  await up.says(/Ctrl-C stops everything/)
  const answer = await ask<{ uid: number }>(urlIn(up.out()))
  up.signal('SIGINT')
  expect(await up.ended).toMatchObject({ code: 0, signal: null })
  expect(on.leftovers()).toEqual([])
  return answer
}

test.skipIf(!isRoot)(
  'as root nothing of a system runs as root, also from a directory that only root enters',
  async () => {
    const on = stage(shopWithDatabase(), { mode: 0o700 })
    const up = on.tenfold(UP, { program: UMASK })
    await up.says(/Ctrl-C stops everything/)
    expect(up.out()).toMatch(/data is in \/var\/lib\/tenfold\/[0-9a-f]{16}: user \w+, whom/)
    expect(await ask(urlIn(up.out()))).toMatchObject({ uid: account!.uid })
    const owners = on.leftovers().map((line) => statSync(`/proc/${Number.parseInt(line, 10)}`).uid)
    expect(new Set(owners)).toEqual(new Set([account!.uid]))
    up.signal('SIGINT')
    expect(await up.ended).toMatchObject({ code: 0 })
    expect(await answers(on)).toMatchObject({ uid: account!.uid })
  },
)

describe.skipIf(!canRunHere)('as an ordinary user', () => {
  test('runs with a umask that shares nothing, and without a home', async () => {
    const on = give(stage(shopWithDatabase()))
    const { uid } = await answers(on, { ...user, program: UMASK, env: { HOME: undefined, XDG_RUNTIME_DIR: undefined } })
    expect(uid).toBe(account?.uid ?? process.getuid!())
  })

  test('says what to do about a directory that nobody can write', async () => {
    const on = give(stage(shop()))
    chmodSync(on.directory, 0o555)
    expect(await on.end(['check'], user)).toMatchObject({ code: 0 })
    expect(await on.end(['down'], user)).toMatchObject({ code: 0, out: 'shop does not run.\n' })
    for (const args of [UP, [...UP, '--detach']]) {
      const { code, out, err } = await on.end(args, user)
      expect({ code, out }).toEqual({ code: 1, out: '' })
      expect(err).toMatch(/\[TF_STATE_UNUSABLE\]\n {2}Next: /)
      expect(err).not.toMatch(/\n\s+at /)
    }
    expect(existsSync(on.state())).toBe(false)
    chmodSync(on.directory, 0o755)
  })
})

test.skipIf(!isRoot || !canRunHere)('the state of root is refused to others, with the reason', async () => {
  const on = stage(shop())
  expect(await on.end([...UP, '--detach'])).toMatchObject({ code: 0 })
  for (const args of [['status'], ['down'], UP]) {
    const { code, err } = await on.end(args, user)
    expect(code, args[0]).toBe(1)
    expect(err).toMatch(/\[TF_STATE_UNUSABLE\]\n {2}Next: /)
  }
  expect(await on.end(['down'])).toMatchObject({ code: 0, out: 'shop has stopped.\n' })
})
