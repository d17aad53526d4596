import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { fileURLToPath } from 'node:url'
import { sleep, systemClock } from '../../src/core/clock.ts'
import { findFreePort } from '../../src/core/free-port.ts'
import { readProcessTable } from '../../src/core/process-table.ts'
import type { Subject } from './subject.ts'
import { serverOf } from './subject.ts'

const run = promisify(execFile)
const packages = fileURLToPath(new URL('../peers/node_modules/', import.meta.url))
const installed = join(packages, '.bin/pm2')
const PM2 = existsSync(installed) ? installed : 'pm2'
const POLL_MS = 50

/** The version of pm2 in `bench/peers`, or on the PATH; undefined when there is none. */
export async function pm2Version(): Promise<string | undefined> {
  // Asking pm2 itself takes seconds: it starts its daemon first.
  if (PM2 === installed) {
    return (JSON.parse(readFileSync(join(packages, 'pm2/package.json'), 'utf8')) as { version: string }).version
  }
  const home = mkdtempSync(join(tmpdir(), 'tenfold-pm2-'))
  try {
    const { stdout } = await run(PM2, ['--version'], { env: { ...process.env, PM2_HOME: home }, timeout: 15_000 })
    return stdout.trim().split('\n').at(-1)
  } catch {
    return undefined
  } finally {
    await run(PM2, ['kill'], { env: { ...process.env, PM2_HOME: home } }).catch(() => undefined)
    rmSync(home, { recursive: true, force: true })
  }
}

/** Two workers of a cluster that says when it is ready and leaves in order, as pm2's manual wants it. */
export async function pm2Subject(): Promise<Subject> {
  const directory = mkdtempSync(join(tmpdir(), 'tenfold-pm2-'))
  const port = await findFreePort()
  const env = { ...process.env, PM2_HOME: join(directory, 'home'), PORT: String(port), HOST: '127.0.0.1' }
  const pm2 = async (...args: string[]): Promise<string> => (await run(PM2, args, { env, cwd: directory })).stdout
  let version = 1
  const write = (): void => writeFileSync(join(directory, 'server.js'), serverOf(version))
  const workers = async (): Promise<readonly number[]> =>
    (JSON.parse(await pm2('jlist')) as { pid: number; pm2_env: { status: string } }[])
      .filter((worker) => worker.pm2_env.status === 'online')
      .map(({ pid }) => pid)
  // Cheap, unlike `jlist`, which is a Node.js program more while requests come in: that is only asked at the end.
  const processes = (): readonly number[] => {
    const daemon = Number(readFileSync(join(env.PM2_HOME, 'pm2.pid'), 'utf8'))
    const children = readProcessTable().filter(({ parentPid, isZombie }) => parentPid === daemon && !isZombie)
    return children.map(({ pid }) => pid)
  }
  const until = async (isSo: (pids: readonly number[]) => boolean): Promise<void> => {
    while (!isSo(processes()) || !isSo(await workers())) await sleep(systemClock, POLL_MS)
  }
  write()
  writeFileSync(join(directory, 'package.json'), '{ "type": "module" }')
  const app = { name: 'web', script: 'server.js', instances: 2, exec_mode: 'cluster', wait_ready: true }
  const limits = { listen_timeout: 10_000, kill_timeout: 10_000 }
  writeFileSync(join(directory, 'app.json'), JSON.stringify({ apps: [{ ...app, ...limits }] }))
  const stop = async (): Promise<void> => {
    await pm2('kill').catch(() => undefined)
    rmSync(directory, { recursive: true, force: true })
  }
  try {
    await pm2('start', 'app.json')
  } catch (error) {
    await stop()
    throw error
  }
  return {
    name: 'pm2',
    url: `http://127.0.0.1:${port}`,
    async release() {
      version++
      write()
      await pm2('reload', 'web')
    },
    async scale(count) {
      await pm2('scale', 'web', String(count))
      await until((now) => now.length === count)
    },
    async kill() {
      const before = await workers()
      process.kill(before[0]!, 'SIGKILL')
      await until((now) => now.length >= before.length && !now.includes(before[0]!))
    },
    stop,
  }
}
