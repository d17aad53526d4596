import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { haproxy } from '../../../bench/peers/haproxy.ts'
import { nginx } from '../../../bench/peers/nginx.ts'
import { sleep, systemClock } from '../../../src/core/clock.ts'
import { startDataPlane } from '../../gateway/data-plane-for-tests.ts'
import { startRawUpstream } from '../../gateway/attacks/raw-upstream-for-tests.ts'
import type { AttackCase } from './attack-case.ts'
import { otherCases, shownCases } from './attack-case.ts'
import { attacksPage } from './attacks-page.ts'
import type { Outcome } from './carry-out.ts'
import { carryOut, LAST_ANSWER } from './carry-out.ts'

const PAGE = join(import.meta.dirname, '../../../docs/internals/attacks.md')
/** An answer that is shown has to have come, on the slowest machine. */
const SHOWN_QUIET_MS = 1_500
/** Of the others only what the server got counts. */
const OTHER_QUIET_MS = 250
const LISTEN_TIMEOUT_MS = 15_000

const shown = shownCases()
const cases: readonly AttackCase[] = [...shown, ...otherCases()]
const ending = new AbortController()
const found = new Map<string, { version: string; outcomes: readonly Outcome[] }>()
const absent: string[] = []

beforeAll(async () => {
  found.set('Tenfold', { version: '', outcomes: await behindGateway() })
  for (const proxy of [nginx, haproxy]) {
    const version = await proxy.version(ending.signal)
    if (version === undefined) absent.push(proxy.absence)
    else found.set(proxy.name, { version, outcomes: await behind(proxy) })
  }
}, 400_000)
afterAll(() => ending.abort())

async function behindGateway(): Promise<readonly Outcome[]> {
  await using upstream = await startRawUpstream({ answer: () => LAST_ANSWER })
  await using plane = await startDataPlane([upstream.endpoint], { traffic: { ejection: undefined } })
  return await both((which, quietMs) => carryOut(plane.port, upstream, which, quietMs))
}

async function behind(proxy: typeof nginx): Promise<readonly Outcome[]> {
  await using upstream = await startRawUpstream({ answer: () => LAST_ANSWER })
  const directory = mkdtempSync(join(tmpdir(), 'tenfold attacks '))
  chmodSync(directory, 0o755)
  const running = await proxy.start({ upstream: upstream.endpoint.port, directory, signal: ending.signal })
  try {
    await listening(running.port)
    return await both((which, quietMs) => carryOut(running.port, upstream, which, quietMs))
  } finally {
    await running.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

async function both(
  attack: (which: readonly AttackCase[], quietMs: number) => Promise<readonly Outcome[]>,
): Promise<readonly Outcome[]> {
  return [...(await attack(shown, SHOWN_QUIET_MS)), ...(await attack(cases.slice(shown.length), OTHER_QUIET_MS))]
}

async function listening(port: number): Promise<void> {
  const giveUpMs = systemClock.nowMs() + LISTEN_TIMEOUT_MS
  const accepts = (): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true))
      socket.once('error', () => resolve(false))
      socket.once('connect', () => socket.destroy())
    })
  while (!(await accepts())) {
    if (systemClock.nowMs() > giveUpMs) throw new Error(`expected port ${port} to accept connections`)
    await sleep(systemClock, 50)
  }
}

describe('attacks that other proxies get as well', () => {
  test('reach the server where there is nothing wrong with them', () => {
    const at = shown.findIndex(({ name }) => name === 'Content-Length: 5')
    const harmless = { sent: 2, seen: 2, isBrokenOff: false, status: 200 }
    for (const [name, { outcomes }] of found) expect({ [name]: outcomes[at] }).toEqual({ [name]: harmless })
  })

  test('never make the gateway pass on more requests than were sent', () => {
    const { outcomes } = found.get('Tenfold')!
    const bad = cases.filter((_each, at) => outcomes[at]!.seen > outcomes[at]!.sent).map(({ text }) => text)
    expect(bad).toEqual([])
  })

  test('are refused by the gateway where nginx and HAProxy both refuse', ({ skip }) => {
    if (absent.length > 0) skip(absent.join(', '))
    const [ours, ...others] = [...found.values()].map(({ outcomes }) => outcomes)
    const isRefused = ({ seen }: Outcome): boolean => seen === 0
    const bad = cases.filter((_each, at) => others.every((each) => isRefused(each[at]!)) && !isRefused(ours![at]!))
    expect(bad.map(({ text }) => text)).toEqual([])
  })

  test('end as the page says', async ({ skip }) => {
    if (absent.length > 0) skip(absent.join(', '))
    const columns = [...found].map(([name, { version, outcomes }]) => ({
      name: `${name} ${version}`.trim(),
      outcomes: outcomes.slice(0, shown.length),
    }))
    const page = attacksPage(shown, columns)
    const head = `| | ${columns.map(({ name }) => name).join(' | ')} |`
    const isOfOthers = existsSync(PAGE) && !readFileSync(PAGE, 'utf8').includes(head)
    if (isOfOthers) skip(`the page is of other versions than ${head}`)
    await expect(page).toMatchFileSnapshot(PAGE)
  })
})
