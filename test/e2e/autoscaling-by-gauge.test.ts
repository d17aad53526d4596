import { expect, test, vi } from 'vitest'
import type { ServiceStatus } from '../../src/control/snapshot.ts'
import { shop } from './shop.ts'
import { eventually, snapshotOf, stage, TEST_TIMEOUT_MS } from './stage.ts'

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS })

/** It publishes how many jobs wait in it, which a request sets. */
const SERVER = `
import { createServer } from 'node:http'
let waiting = 0
const server = createServer((request, response) => {
  const url = new URL(request.url, 'http://service')
  if (url.pathname === '/jobs') waiting = Number(url.searchParams.get('waiting'))
  if (url.pathname !== '/stats') return void response.end('{}')
  response.end('# TYPE jobs_waiting gauge\\njobs_waiting{queue="mail"} ' + waiting + '\\njobs_waiting{queue="other"} 1000\\n')
})
server.listen(Number(process.env.PORT), process.env.HOST)
process.on('SIGTERM', () => server.close(() => process.exit(0)))
`
const WEB = {
  command: 'exec node server.js',
  routes: ['/'],
  instances: { min: 1, max: 4 },
  scale: { metric: 'custom', name: 'jobs_waiting', from: '/stats', labels: { queue: 'mail' }, target: 10 },
}

const readyOf = ({ instances }: ServiceStatus): number => instances.filter(({ state }) => state === 'ready').length

test('a service scales by a gauge that its instances publish, and says when it is not there', async () => {
  const on = stage({ ...shop({ services: { web: WEB } }), 'server.js': SERVER })
  const webOf = async (): Promise<ServiceStatus> => (await snapshotOf(on))!.services['web']!
  expect((await on.end(['up', '--port', '0', '--detach', '--time-scale', '60'])).code).toBe(0)
  const first = (await webOf()).instances[0]!
  const setWaiting = async (count: number): Promise<void> =>
    void (await (await fetch(`http://127.0.0.1:${first.port}/jobs?waiting=${count}`)).text())

  await setWaiting(30)
  await eventually('three instances to be ready', async () => readyOf(await webOf()) === 3)
  // 30 in one of three are 10 each, which is the target.
  await eventually('the target to be met', async () => (await webOf()).scaling?.last?.value === 10)
  expect(await webOf()).toMatchObject({ desired: 3, scaling: { mode: 'auto', metric: 'jobs_waiting', target: 10 } })
  expect((await on.end(['status'])).out).toMatch(/1 → 3: jobs_waiting 30, target 10: wanted 3/)

  await setWaiting(0)
  await eventually('one instance to be left', async () => (await webOf()).instances.length === 1)

  const elsewhere = { ...WEB, scale: { ...WEB.scale, labels: { queue: 'post' } } }
  on.write(shop({ services: { web: elsewhere } }))
  on.write({ 'server.js': SERVER })
  expect((await on.end(['apply'])).code).toBe(0)
  await eventually('it to be said', async () =>
    (await snapshotOf(on))!.notices.some(({ message }) =>
      /^web is not scaled by what it publishes: web-\d+: expected a gauge jobs_waiting\{queue="post"\}/.test(message),
    ),
  )
  expect((await on.end(['down'])).code).toBe(0)
})
