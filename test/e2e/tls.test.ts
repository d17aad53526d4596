import { once } from 'node:events'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { connect } from 'node:tls'
import { expect, test, vi } from 'vitest'
import { selfSigned } from '../gateway/tls/self-signed-for-tests.ts'
import { LOAD, shop } from './shop.ts'
import type { Stage } from './stage.ts'
import { eventually, snapshotOf, stage, TEST_TIMEOUT_MS } from './stage.ts'

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS })

const first = selfSigned({ names: ['first.test'] })
const second = selfSigned({ names: ['second.test'] })
const expired = selfSigned({ names: ['old.test'], fromDays: -10, days: -1 })
const TLS = { gateway: { port: 0, tls: { certificate: './tls/cert.pem', key: './tls/key.pem' } } }

function secureShop(changes: Readonly<Record<string, unknown>> = {}): Stage {
  const files = { 'tls/cert.pem': first.certificate, 'tls/key.pem': first.key }
  return stage({ ...shop({ ...TLS, ...changes }), ...files })
}

/** Asks once: the status, or what failed. */
function outcomeOf(url: string, agent: Agent, names: Set<string>): Promise<number | string> {
  return new Promise((resolve) => {
    const sent = request(`${url}/?ms=5`, { agent, rejectUnauthorized: false }, (response) => {
      const { subject } = (response.socket as TLSSocket).getPeerCertificate()
      // Of a session that is taken up again there is none.
      if (subject !== undefined) names.add(String(subject.CN))
      response.resume().once('end', () => resolve(response.statusCode!))
      response.once('error', (error) => resolve(String(error)))
    })
    sent.once('error', (error) => resolve(String(error)))
    sent.end()
  })
}

/** Clients that ask all the time: half of them on connections that stay, half on a new one each time. */
function clients(url: string): {
  readonly names: ReadonlySet<string>
  stop(): Promise<{ answers: number; failures: readonly string[] }>
} {
  const names = new Set<string>()
  const failures: string[] = []
  let answers = 0
  const over = new AbortController()
  const running = [true, false, true, false].map(async (keepAlive) => {
    const agent = new Agent({ keepAlive, maxSockets: 1 })
    while (!over.signal.aborted) {
      const outcome = await outcomeOf(url, agent, names)
      if (outcome === 200) answers++
      else failures.push(String(outcome))
    }
    agent.destroy()
  })
  return {
    names,
    async stop() {
      over.abort()
      await Promise.all(running)
      return { answers, failures }
    },
  }
}

/** Whose certificate a new connection gets. */
async function shown(url: string): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port: Number(new URL(url).port), rejectUnauthorized: false })
  await once(socket, 'secureConnect')
  const { CN } = socket.getPeerCertificate().subject
  socket.destroy()
  return String(CN)
}

/** Everything that a system keeps, its releases too. */
function filesBelow(directory: string): readonly (readonly [path: string, text: string])[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => [path, readFileSync(path, 'latin1')] as const)
}

test('a certificate is renewed under traffic without a failed request, and a bad one never taken', async () => {
  const on = secureShop()
  const up = on.tenfold(['up'])
  await up.says(/https:\/\/127\.0\.0\.1:\d+/)
  const url = (await snapshotOf(on))!.gateway.url!
  const traffic = clients(url)
  const put = (pair: typeof first): void => {
    // In two steps, as most tools do it.
    writeFileSync(join(on.directory, 'tls/cert.pem'), pair.certificate)
    writeFileSync(join(on.directory, 'tls/key.pem'), pair.key)
  }
  const notice = async (text: string): Promise<boolean> =>
    (await snapshotOf(on))?.notices.some(({ message }) => message.includes(text)) === true

  await eventually('answers with the first certificate', () => traffic.names.has('first.test'))
  put(second)
  await eventually('the second certificate', () => traffic.names.has('second.test'))
  writeFileSync(join(on.directory, 'tls/key.pem'), first.key)
  await eventually('a word on the key', () => notice('key.pem the key of'))
  writeFileSync(join(on.directory, 'tls/cert.pem'), first.certificate.slice(0, 100))
  await eventually('a word on half a certificate', () => notice('cert.pem a whole certificate in PEM'))
  put(expired)
  await eventually('a word on the end', () => notice('got one that ended'))
  const { answers, failures } = await traffic.stop()
  expect(failures).toEqual([])
  expect(answers).toBeGreaterThan(50)
  expect([...traffic.names].toSorted()).toEqual(['first.test', 'second.test'])

  const { out } = await on.end(['status'])
  expect(out).toContain(url)
  expect(out).toMatch(/got one that ended/)
  const metrics = await fetch((await snapshotOf(on))!.telemetry!.metricsUrl)
  expect(await metrics.text()).toMatch(/^tenfold_gateway_certificate_expiry_seconds(?:\{\S*\})? 1\d{9}$/m)

  // The gateway outlives the control plane, and the next one does not give it what is worse.
  const { pid } = (await snapshotOf(on))!.gateway
  up.signal('SIGKILL')
  await up.ended
  expect(await shown(url)).toBe('second.test')
  expect(await on.end(['up', '--detach'])).toMatchObject({ code: 0 })
  expect((await snapshotOf(on))!.gateway).toMatchObject({ pid, url })
  expect(await shown(url)).toBe('second.test')
  expect(await notice('got one that ended')).toBe(true)
  await on.end(['down'])
  expect(on.leftovers()).toEqual([])
  for (const [path, text] of filesBelow(on.state())) {
    for (const { key } of [first, second, expired]) expect(text.includes(key.slice(40, 90)), path).toBe(false)
  }
})

test('a rehearsal goes through TLS, and trusts what the blueprint names', async () => {
  const on = secureShop({ ...LOAD, objectives: { web: { latency: { p50: '20s' } } } })
  const { code, out, err } = await on.end(['up', '--once', '--json'])
  const report = JSON.parse(out) as { state: string; load: { requests: { failed: number } } }
  expect({ code, state: report.state, failed: report.load.requests.failed }, err).toEqual({
    code: 0,
    state: 'passed',
    failed: 0,
  })
})

test('check and doctor say what is wrong with a certificate', async () => {
  const on = secureShop()
  const soon = selfSigned({ days: 3 })
  on.write({ 'tls/cert.pem': soon.certificate, 'tls/key.pem': soon.key })
  const checked = await on.end(['check'])
  expect(checked).toMatchObject({ code: 0, err: expect.stringMatching(/cert\.pem ends \d{4}-\d\d-\d\d/) })
  expect((await on.end(['doctor'])).out).toMatch(/certificate cert\.pem.*ends/)
  on.write({ 'tls/key.pem': first.key })
  const failed = await on.end(['up'])
  expect(failed).toMatchObject({
    code: 1,
    err: expect.stringMatching(/key\.pem the key of .*TF_CERTIFICATE_UNUSABLE/s),
  })
  expect(on.leftovers()).toEqual([])
  expect(readFileSync(join(on.directory, 'tls/key.pem'), 'utf8')).toBe(first.key)
})
