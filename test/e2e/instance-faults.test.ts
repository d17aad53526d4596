import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import type { InstanceStatus } from '../../src/control/snapshot.ts'
import { identifyProcess } from '../../src/core/process-identity.ts'
import { shop } from './shop.ts'
import type { Stage } from './stage.ts'
import { ask, eventually, snapshotOf, stage, TEST_TIMEOUT_MS, urlIn } from './stage.ts'

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS })

/** Behaves as its environment and its callers say; `/health` answers as long as anything does. */
const BAD_SERVER = `
import { spawn } from 'node:child_process'
import { createServer } from 'node:http'
const held = []
let forked
const server = createServer((request, response) => {
  response.end(JSON.stringify({ pid: process.pid, forked: forked?.pid }))
  if (request.url.endsWith('/hang')) setImmediate(() => { for (;;); })
  if (request.url.endsWith('/eat')) setInterval(() => held.push(Buffer.alloc(8 * 1024 ** 2, 7)), 5)
})
server.listen(Number(process.env.PORT), process.env.HOST)
const { MODE } = process.env
if (MODE === 'deaf') process.on('SIGTERM', () => console.log('not me'))
if (MODE === 'flood') spawn('yes', { stdio: ['ignore', 'inherit', 'inherit'] })
// In a session of its own, without our mark, and deaf.
if (MODE === 'fork') {
  const script = 'trap "" TERM; sleep 1000 & wait'
  forked = spawn('/bin/sh', ['-c', script], { detached: true, stdio: 'ignore', env: { PATH: process.env.PATH } })
  forked.unref()
}
`

function badService(mode: string, more: object = {}): object {
  const routes = [`/${mode}`]
  return { command: 'exec node bad.js', env: { MODE: mode }, routes, instances: { min: 1 }, health: '/health', ...more }
}

/** Starts services that misbehave beside one that does not. */
async function startedWith(modes: Readonly<Record<string, object>>): Promise<{ on: Stage; url: string }> {
  const services = Object.fromEntries(Object.entries(modes).map(([mode, more]) => [mode, badService(mode, more)]))
  const web = { command: 'node server.js', routes: ['/'], instances: { min: 1 } }
  const on = stage({ ...shop({ services: { web, ...services } }), 'bad.js': BAD_SERVER })
  const { code, out, err } = await on.end(['up', '--port', '0', '--detach'])
  if (code !== 0) throw new Error(`expected it to start, got ${err}`)
  return { on, url: urlIn(out) }
}

async function instanceOf(on: Stage, service: string): Promise<InstanceStatus> {
  return (await snapshotOf(on))!.services[service]!.instances[0]!
}

test('instances that ignore SIGTERM, or leave processes behind in sessions of their own, are gone after down', async () => {
  const { on, url } = await startedWith({ deaf: { stopTimeout: '500ms' }, fork: {} })
  const deaf = await ask<{ pid: number }>(url, '/deaf')
  const { pid, forked } = await ask<{ pid: number; forked: number }>(url, '/fork')
  expect(identifyProcess(forked)).toBeDefined()
  expect(await on.end(['down'])).toMatchObject({ code: 0, out: 'shop has stopped.\n' })
  expect([deaf.pid, pid, forked].map((each) => identifyProcess(each))).toEqual([undefined, undefined, undefined])
  expect(on.leftovers()).toEqual([])
})

test('an instance that floods its output is named, its files stay small, and the others answer', async () => {
  const { on, url } = await startedWith({ flood: {} })
  await eventually('the flood to be named', async () => /flood-1 prints faster/.test((await on.end(['status'])).out))
  for (let i = 0; i < 20; i++) expect(await ask(url)).toMatchObject({ instance: 'web-1' })
  const directory = join(on.state(), 'logs/flood')
  const oldOnes = readdirSync(directory).filter((name) => /\.\d$/.test(name))
  expect(oldOnes.length).toBeLessThanOrEqual(5)
  // What is in the present file depends on the disk; it is emptied five times a second.
  for (const name of oldOnes) expect(statSync(join(directory, name)).size).toBeLessThanOrEqual(20 * 1024 ** 2)
  expect((await on.end(['down'])).code).toBe(0)
})

test('an instance that stops answering is named, then started again; one over its memory limit is killed and named', async () => {
  const { on, url } = await startedWith({ hang: {}, eat: { resources: { memory: '128MiB' } } })
  const areLimitsEnforced = !(await snapshotOf(on))!.notices.some(({ message }) => message.startsWith('eat-1: '))
  const [hanging, eating] = [await instanceOf(on, 'hang'), await instanceOf(on, 'eat')]
  await ask(url, '/hang/hang')
  if (areLimitsEnforced) await ask(url, '/eat/eat')
  await eventually('the silence to be named', async () =>
    /hang-1: \/health did not answer within 1000 ms/.test((await on.end(['status'])).out),
  )
  expect(await ask(url)).toMatchObject({ instance: 'web-1' })
  const isBack = async (service: string, before: InstanceStatus): Promise<boolean> => {
    const { state, pid } = await instanceOf(on, service)
    return state === 'ready' && pid !== before.pid
  }
  if (areLimitsEnforced) {
    await eventually('the memory to come back', () => isBack('eat', eating))
    expect((await on.end(['status'])).out).toMatch(/1 restart: was killed: over its memory limit 128MiB/)
  }
  await eventually('it to be started again', () => isBack('hang', hanging))
  expect((await instanceOf(on, 'hang')).lastFailure?.reason).toMatch(/health checks in a row failed/)
  expect((await on.end(['down'])).code).toBe(0)
})

test.each([
  [
    'exits at once',
    `console.error('Error: no menu today'); process.exit(3)`,
    /exited with code 3: Error: no menu today/,
  ],
  ['never listens', `setInterval(() => {}, 1000)`, /was not ready within 1000 ms: port \d+ does not accept/],
])('a program that %s ends the start, with its name and the reason', async (_how, program, reason) => {
  const services = { web: { command: 'node server.js', routes: ['/'], instances: { min: 1 }, startTimeout: '1s' } }
  const on = stage({ ...shop({ services }), 'server.js': program })
  const { code, err } = await on.end(['up', '--port', '0'])
  expect(code).toBe(1)
  expect(err).toMatch(/expected web-1 to become ready/)
  expect(err).toMatch(reason)
  expect(err).toMatch(/\[TF_SERVICE_NOT_READY\]\n {2}Next: /)
  expect(on.leftovers()).toEqual([])
})
