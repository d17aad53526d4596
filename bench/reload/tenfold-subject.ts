import { spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { connectControl } from '../../src/control/control-client.ts'
import type { InstanceStatus } from '../../src/control/snapshot.ts'
import { sleep, systemClock } from '../../src/core/clock.ts'
import type { Subject } from './subject.ts'
import { serverOf } from './subject.ts'

const launcher = fileURLToPath(new URL('../../bin/tenfold.js', import.meta.url))
const BLUEPRINT = `export default {
  name: 'reload',
  services: { web: { entry: './server.js', routes: ['/'], instances: { min: 2 } } },
}
`
const WAIT_MS = 60_000

/** A system with one service of two instances, behind the gateway. */
export async function tenfoldSubject(signal: AbortSignal): Promise<Subject> {
  const directory = mkdtempSync(join(tmpdir(), 'tenfold reload '))
  // Instances of root run as somebody else.
  chmodSync(directory, 0o755)
  let version = 1
  const write = (): void => writeFileSync(join(directory, 'server.js'), serverOf(version))
  write()
  writeFileSync(join(directory, 'package.json'), '{ "type": "module" }')
  writeFileSync(join(directory, 'tenfold.config.ts'), BLUEPRINT)
  const child = spawn(launcher, ['up', directory, '--ephemeral', '--port', '0'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    // A session of its own, as pm2's daemon has: Linux may share the CPU by session, and the load comes from ours.
    detached: true,
  })
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => (said = `${said}${chunk}`.slice(-2_000)))
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const state = join(directory, '.tenfold/reload')
  const control = connectControl(state)

  async function stop(): Promise<void> {
    child.kill('SIGINT')
    await exited
    const record = JSON.parse(readFileSync(join(state, 'state.json'), 'utf8')) as { outside?: { path: string } }
    if (record.outside !== undefined) rmSync(record.outside.path, { recursive: true, force: true })
    rmSync(directory, { recursive: true, force: true })
  }

  async function ready(): Promise<readonly InstanceStatus[]> {
    const snapshot = await control.snapshot().catch(() => undefined)
    return (snapshot?.services['web']?.instances ?? []).filter(({ state: is }) => is === 'ready')
  }

  async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
    const giveUpMs = systemClock.nowMs() + WAIT_MS
    while (!(await isSo())) {
      signal.throwIfAborted()
      if (child.exitCode !== null || systemClock.nowMs() > giveUpMs) throw new Error(`expected ${what}, got: ${said}`)
      await sleep(systemClock, 50)
    }
  }

  const isRunning = async (): Promise<boolean> => (await control.snapshot().catch(() => undefined))?.phase === 'running'
  try {
    await until('the system to run', isRunning)
    const url = (await control.snapshot()).gateway.url!
    return {
      name: 'tenfold',
      url,
      async release() {
        version++
        write()
        await control.command('release', { services: [] })
      },
      async scale(count) {
        await control.command('scale', { service: 'web', count })
        await until(`${count} instances`, async () => {
          const { services } = await control.snapshot()
          return services['web']!.instances.length === count && (await ready()).length === count
        })
      },
      async kill() {
        const instances = await ready()
        const { pid } = instances[0]!
        process.kill(pid!, 'SIGKILL')
        await until('the killed one to be replaced', async () => {
          const now = await ready()
          return now.length >= instances.length && now.every((instance) => instance.pid !== pid)
        })
      },
      stop,
    }
  } catch (error) {
    await stop().catch(() => undefined)
    throw error
  }
}
