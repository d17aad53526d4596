import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { findChildUser } from '../../../src/core/child-user.ts'
import { identifyProcess } from '../../../src/core/process-identity.ts'
import { createInstanceLogs } from '../../../src/fleet/instance-log.ts'
import { ask, eventually, fleetStage } from './fleet-stage.ts'

function hasPython(): boolean {
  return spawnSync('python3', ['--version']).status === 0
}

const HELLO = `
import { createServer } from 'node:http'
type Answer = { instance: string; user: number; directory: string; keepAlive: number }
const server = createServer((request, response) => {
  if (request.url === '/slow') return void setTimeout(() => response.end('slow but whole'), 1_000)
  const answer: Answer = { instance: process.env.TENFOLD_INSTANCE!, user: process.getuid!(), directory: process.cwd(), keepAlive: server.keepAliveTimeout }
  response.end(JSON.stringify(answer))
})
server.listen(Number(process.env.PORT), process.env.HOST)
`

describe('instances as processes', () => {
  test('two run from a TypeScript entry in the release, as an unprivileged user, and leave nothing behind', async () => {
    const stage = await fleetStage({ 'api.ts': HELLO })
    const { supervisor, balancer } = stage.supervise({ program: stage.entry('api.ts') })
    await supervisor.start()
    const answers = await Promise.all(balancer.endpoints.map(async ({ port }) => JSON.parse(await ask(port))))
    const common = {
      user: findChildUser()?.uid ?? process.getuid!(),
      directory: stage.release.directory,
      keepAlive: 65_000,
    }
    expect(answers).toEqual([
      { instance: 'api-1', ...common },
      { instance: 'api-2', ...common },
    ])
    const pids = stage.pids()
    expect(pids).toHaveLength(2)
    await supervisor.stop()
    expect(pids.filter((pid) => identifyProcess(pid) !== undefined)).toEqual([])
  })

  test('one that is killed with -9 is replaced under the same id', async () => {
    const stage = await fleetStage({ 'api.ts': HELLO })
    const { supervisor, balancer } = stage.supervise({ program: stage.entry('api.ts') })
    await supervisor.start()
    const before = supervisor.status().instances[0]!
    process.kill(before.pid!, 'SIGKILL')
    await eventually('the instance to be missed', () => !balancer.ids.includes('api-1'))
    expect(supervisor.status().instances[0]?.reason).toBe('was ended by SIGKILL')
    await eventually('the instance to be back', () => balancer.ids.length === 2)
    const after = supervisor.status().instances[0]!
    expect(after).toMatchObject({ id: 'api-1', state: 'ready', restarts: 1 })
    expect(after.pid).not.toBe(before.pid)
    await supervisor.stop()
  })

  test('a request in flight is answered whole after SIGTERM, and the program then leaves by itself', async () => {
    const stage = await fleetStage({ 'api.ts': HELLO })
    const { supervisor, balancer } = stage.supervise({ program: stage.entry('api.ts') }, { desired: 1 })
    await supervisor.start()
    const answer = ask(balancer.endpoints[0]!.port, '/slow')
    await ask(balancer.endpoints[0]!.port)
    const stopping = performance.now()
    await supervisor.stop()
    expect(await answer).toBe('slow but whole')
    expect(performance.now() - stopping).toBeLessThan(3_000)
  })

  test('one that ignores SIGTERM is killed after its stop timeout, with what it forked', async () => {
    const stage = await fleetStage({
      'api.ts': `
        import { fork } from 'node:child_process'
        import { createServer } from 'node:http'
        process.on('SIGTERM', () => console.log('not me'))
        if (process.argv[2] === 'child') setInterval(() => {}, 1_000)
        else {
          const child = fork(import.meta.filename, ['child'])
          createServer((_request, response) => response.end(String(child.pid))).listen(Number(process.env.PORT), '127.0.0.1')
        }`,
    })
    const service = { program: stage.entry('api.ts'), stopTimeoutMs: 500 }
    const { supervisor, balancer } = stage.supervise(service, { desired: 1 })
    await supervisor.start()
    const pids = [...stage.pids(), Number(await ask(balancer.endpoints[0]!.port))]
    await supervisor.stop()
    expect(pids).toHaveLength(2)
    expect(pids.filter((pid) => identifyProcess(pid) !== undefined)).toEqual([])
    expect(readFileSync(join(stage.logsDirectory, 'api/api-1.log'), 'utf8')).toContain('not me')
  })

  test('what a program forked does not outlive its crash', async () => {
    const stage = await fleetStage({
      'api.ts': `
        import { spawn } from 'node:child_process'
        import { createServer } from 'node:http'
        const child = spawn('sleep', ['1000'], { stdio: 'ignore' })
        createServer((_request, response) => response.end(String(child.pid))).listen(Number(process.env.PORT), '127.0.0.1')`,
    })
    const { supervisor, balancer } = stage.supervise({ program: stage.entry('api.ts') }, { desired: 1 })
    await supervisor.start()
    const forked = Number(await ask(balancer.endpoints[0]!.port))
    process.kill(supervisor.status().instances[0]!.pid!, 'SIGKILL')
    await eventually('the forked process to be gone', () => identifyProcess(forked) === undefined)
    await supervisor.stop()
  })

  test('one that exits at once ends the start with what it printed', async () => {
    const stage = await fleetStage({ 'api.ts': `import './menu.ts'` })
    const { supervisor } = stage.supervise({ program: stage.entry('api.ts') })
    const error = await supervisor.start().catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'TF_SERVICE_NOT_READY' })
    expect(String(error)).toMatch(/exited with code 1: Error \[ERR_MODULE_NOT_FOUND\]: Cannot find module .*menu\.ts/)
    expect(stage.pids()).toEqual([])
  })

  test('one that never listens ends the start within its start timeout', async () => {
    const stage = await fleetStage({ 'api.ts': `setInterval(() => {}, 1_000)` })
    const { supervisor } = stage.supervise({ program: stage.entry('api.ts'), startTimeoutMs: 1_000 }, { desired: 1 })
    const error = await supervisor.start().catch((thrown: unknown) => thrown)
    expect(String(error)).toMatch(/not ready within 1000 ms: port \d+ does not accept: ECONNREFUSED/)
    expect(stage.pids()).toEqual([])
  })

  test('one whose port was taken meanwhile gets another', async () => {
    const stage = await fleetStage({
      'api.ts': `
        import { spawnSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
        import { createServer } from 'node:http'
        const mark = process.env.MARK!
        if (!existsSync(mark)) {
          writeFileSync(mark, '')
          throw Object.assign(new Error('listen EADDRINUSE: address already in use 127.0.0.1'), { code: 'EADDRINUSE' })
        }
        createServer((_request, response) => response.end('here')).listen(Number(process.env.PORT), '127.0.0.1')`,
    })
    const mark = join(tmpdir(), `tenfold-mark-${process.pid}-${performance.now()}`)
    const env = { MARK: { kind: 'literal' as const, value: mark } }
    const { supervisor, balancer } = stage.supervise({ program: stage.entry('api.ts'), env }, { desired: 1 })
    const begin = performance.now()
    await supervisor.start()
    expect(await ask(balancer.endpoints[0]!.port)).toBe('here')
    expect(supervisor.status().instances[0]?.restarts).toBe(1)
    expect(performance.now() - begin).toBeLessThan(10_000)
    await supervisor.stop()
    rmSync(mark)
  })

  // Anything that listens will do; this one is on nearly every machine.
  test.skipIf(!hasPython())(
    'a plain command that listens on $PORT runs in the directory of the blueprint',
    async () => {
      const stage = await fleetStage({ 'hello.txt': 'from the release' })
      const program = { kind: 'command' as const, command: 'python3 -m http.server $PORT --bind $HOST' }
      const { supervisor, balancer } = stage.supervise({ program, health: '/hello.txt' }, { desired: 1 })
      await supervisor.start()
      expect(await ask(balancer.endpoints[0]!.port, '/hello.txt')).toBe('from the release')
      await supervisor.stop()
      expect(stage.pids()).toEqual([])
    },
  )

  test('one that floods its output is followed in part, and its files stay bounded', async () => {
    const stage = await fleetStage({
      'api.ts': `
        import { createServer } from 'node:http'
        import { writeSync } from 'node:fs'
        const line = 'a line that says nothing of interest, over and over\\n'
        setInterval(() => writeSync(1, line.repeat(20_000)), 50)
        createServer((_request, response) => response.end('here')).listen(Number(process.env.PORT), '127.0.0.1')`,
    })
    const rotation = { bytesMax: 2 * 1024 ** 2, keep: 2 }
    const logs = createInstanceLogs({ directory: stage.logsDirectory, rotation })
    const lines: string[] = []
    logs.subscribe(({ line }) => lines.push(line))
    const { supervisor, balancer } = stage.supervise({ program: stage.entry('api.ts') }, { desired: 1 })
    await supervisor.start()
    const file = (suffix: string): string => join(stage.logsDirectory, `api/api-1.log${suffix}`)
    await eventually('two rotations', () => existsSync(file('.2')))
    expect(await ask(balancer.endpoints[0]!.port)).toBe('here')
    await supervisor.stop()
    await logs.close()
    expect(lines.some((line) => /^… \d+ lines dropped$/.test(line))).toBe(true)
    expect(statSync(file('.1')).size).toBeLessThanOrEqual(2 * rotation.bytesMax)
    expect(existsSync(file('.3'))).toBe(false)
  })

  test('a secret that is missing ends the start before anything runs', async () => {
    const stage = await fleetStage({ 'api.ts': HELLO }, { surroundings: { PATH: process.env.PATH } })
    const env = { KEY: { kind: 'secret' as const, name: 'SHOP_KEY' } }
    const { supervisor } = stage.supervise({ program: stage.entry('api.ts'), env })
    await expect(supervisor.start()).rejects.toMatchObject({ code: 'TF_SECRET_MISSING' })
    expect(stage.pids()).toEqual([])
  })
})
