import { createServer } from 'node:http'
import { chmodSync, chownSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { MetricFrame } from '../../../src/control/metric-frame.ts'
import type { ChildUser } from '../../../src/core/child-user.ts'
import { findChildUser } from '../../../src/core/child-user.ts'
import { compileCacheDirectory } from '../../../src/fleet/compile-cache.ts'
import { createInstanceTelemetry } from '../../../src/fleet/instance-telemetry.ts'
import { temporaryDirectory } from '../../fleet/temporary-directory.ts'
import { ask, eventually, fleetStage } from '../fleet/fleet-stage.ts'

const SERVER = `
import { createServer } from 'node:http'
const server = createServer((_request, response) => response.end(String(server.keepAliveTimeout)))
`
const LISTEN = `server.listen(Number(process.env.PORT), process.env.HOST)\n`

/** One that the account of the children owns. */
function ownedDirectory(user: ChildUser | undefined): string {
  const directory = temporaryDirectory()
  chmodSync(directory, 0o711)
  if (user !== undefined) chownSync(directory, user.uid, user.gid)
  return directory
}

describe('the preload', () => {
  test('reports from the process that serves, once a second', async () => {
    const user = findChildUser()
    const directory = ownedDirectory(user)
    const frames: MetricFrame[] = []
    const telemetry = createInstanceTelemetry({
      socket: join(directory, 't.sock'),
      user,
      onFrame: (frame) => frames.push(frame),
    })
    await telemetry.start()
    onTestFinished(() => telemetry.stop())
    const stage = await fleetStage({ 'api.ts': `${SERVER}${LISTEN}` }, { telemetry })
    // The program is started by another Node, as npm would: that one does not serve and stays silent.
    const program = {
      kind: 'command' as const,
      command: `node -e "require('node:child_process').spawnSync('node', ['api.ts'], { stdio: 'inherit' })"`,
    }
    const { supervisor } = stage.supervise({ program })
    await supervisor.start()
    const from = (instance: string): number => frames.filter(({ source }) => source === `instance/${instance}`).length
    await eventually('frames of both instances', () => from('api-1') >= 2 && from('api-2') >= 2)
    expect(frames[0]!.samples.map(({ name }) => name)).toContain('nodejs.eventloop.utilization')
    await supervisor.stop()
  })

  test('keeps what Node has compiled while the program still serves, and loads nothing that it did not ask for', async () => {
    const user = findChildUser()
    const compileCache = await compileCacheDirectory(ownedDirectory(user), user)
    const server = `const server = require('node:http').createServer((_request, response) => {
      response.end(JSON.stringify(process.moduleLoadList.filter((name) => name.includes('undici'))))
    })\n`
    const stage = await fleetStage({ 'api.cjs': `${server}${LISTEN}` }, { compileCache })
    const { supervisor, balancer } = stage.supervise({ program: stage.entry('api.cjs') }, { desired: 1 })
    await supervisor.start()
    const compiled = readdirSync(compileCache, { recursive: true, withFileTypes: true })
    expect(compiled.filter((entry) => entry.isFile()).length).toBeGreaterThan(10)
    expect(JSON.parse(await ask(balancer.endpoints[0]!.port))).toEqual([])
    await supervisor.stop()
  })

  test('leaves a keep-alive time alone that the program has chosen', async () => {
    const stage = await fleetStage({ 'api.ts': `${SERVER}server.keepAliveTimeout = 7_000\n${LISTEN}` })
    const { supervisor, balancer } = stage.supervise({ program: stage.entry('api.ts') }, { desired: 1 })
    await supervisor.start()
    expect(await ask(balancer.endpoints[0]!.port)).toBe('7000')
    await supervisor.stop()
  })

  test('leaves the end to a program that handles SIGTERM itself, and runs its hooks when its servers have closed', async () => {
    const stage = await fleetStage({
      'api.ts': `
        import { onShutdown } from 'tenfold/service'
        ${SERVER}
        const say = (text: string) => process.stdout.write(text + '\\n')
        onShutdown(() => say('first hook'))
        onShutdown(() => { throw new Error('a hook that fails') })
        onShutdown(async () => say('last hook'))
        process.on('SIGTERM', () => { say('mine'); server.close(() => say('closed')); server.closeAllConnections() })
        ${LISTEN}`,
    })
    const { supervisor, balancer } = stage.supervise({ program: stage.entry('api.ts') }, { desired: 1 })
    await supervisor.start()
    await ask(balancer.endpoints[0]!.port)
    await supervisor.stop()
    const output = readFileSync(join(stage.logsDirectory, 'api/api-1.log'), 'utf8')
    expect(output.split('\n').filter((line) => /^(mine|closed|.* hook)$/.test(line))).toEqual([
      'mine',
      'closed',
      'last hook',
      'first hook',
    ])
    expect(output).toContain('a shutdown hook failed: Error: a hook that fails')
  })

  test('does not keep a program alive that has nothing left to do, and lets it fail as it would', async () => {
    const stage = await fleetStage({ 'api.ts': `process.exitCode = 3` })
    const { supervisor } = stage.supervise({ program: stage.entry('api.ts') }, { desired: 1 })
    await expect(supervisor.start()).rejects.toThrow('exited with code 3')
    const taken = createServer()
    await new Promise<void>((resolve) => void taken.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void taken.close())
    const { port } = taken.address() as { port: number }
    const failing = await fleetStage({ 'api.ts': `${SERVER}server.listen(${port}, '127.0.0.1')` })
    const other = failing.supervise({ program: failing.entry('api.ts') }, { desired: 1 })
    await expect(other.supervisor.start()).rejects.toThrow('EADDRINUSE')
  })
})
