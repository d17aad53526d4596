import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sleep, systemClock } from '../../../src/core/clock.ts'
import { findFreePort } from '../../../src/core/free-port.ts'
import { uniqueId } from '../../../src/core/random.ts'
import type { Subprocess } from '../../../src/core/subprocess.ts'
import { createSubprocesses } from '../../../src/core/subprocesses.ts'

/** A real broker of this machine, with everything it has in a directory of its own, all gone after `end`. */
export interface RabbitBroker {
  readonly version: string
  readonly url: string
  /** Like a power failure: the whole process group, without a word. */
  kill(): Promise<void>
  /** After `kill`, on the same data and ports. */
  start(): Promise<void>
  freeze(): void
  thaw(): void
  end(): Promise<void>
}

/** How the programs are had, for people. */
export const HOW_TO_GET = 'apt-get install --no-install-recommends rabbitmq-server'

/** The server's own script: the one on the PATH of Debian wants to be root or the user rabbitmq. */
const PROGRAMS = [
  '/usr/lib/rabbitmq/bin/rabbitmq-server',
  '/usr/local/sbin/rabbitmq-server',
  '/opt/rabbitmq/sbin/rabbitmq-server',
]
const START_MS = 120_000

/** @returns undefined where RabbitMQ is not installed */
export async function startRabbitBroker(): Promise<RabbitBroker | undefined> {
  const program = [process.env['RABBITMQ_SERVER'], ...PROGRAMS].find((path) => path !== undefined && existsSync(path))
  const hasEpmd = spawnSync('epmd', ['-help'], { timeout: 20_000 }).error === undefined
  if (program === undefined || !hasEpmd) return undefined
  const directory = await mkdtemp(join(tmpdir(), 'tenfold-rabbit-'))
  const subprocesses = await createSubprocesses({
    recordFile: join(directory, 'children.json'),
    runToken: uniqueId(),
    isEphemeral: true,
  })
  const ports = new Set<number>()
  while (ports.size < 3) ports.add(await findFreePort((port) => ports.has(port)))
  const [port = 0, namesPort = 0, nodesPort = 0] = ports
  const file = (name: string): string => join(directory, name)
  writeFileSync(file('plugins'), '[].')
  writeFileSync(
    file('rabbit.conf'),
    `listeners.tcp.default = 127.0.0.1:${port}\ndistribution.listener.interface = 127.0.0.1\ndisk_free_limit.absolute = 50MB\nlog.console = true\n`,
  )
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: directory,
    LANG: 'C.UTF-8',
    ERL_EPMD_ADDRESS: '127.0.0.1',
    ERL_EPMD_PORT: String(namesPort),
    ERL_MAX_PORTS: '4096',
    RABBITMQ_NODENAME: `tenfold${port}@localhost`,
    RABBITMQ_DIST_PORT: String(nodesPort),
    RABBITMQ_MNESIA_BASE: file('data'),
    RABBITMQ_LOG_BASE: file('log'),
    RABBITMQ_PID_FILE: file('pid'),
    RABBITMQ_CONFIG_FILE: file('rabbit.conf'),
    RABBITMQ_ADVANCED_CONFIG_FILE: file('none.config'),
    RABBITMQ_CONF_ENV_FILE: file('none'),
    RABBITMQ_ENABLED_PLUGINS_FILE: file('plugins'),
    RABBITMQ_SCHEDULER_BUSY_WAIT_THRESHOLD: 'none',
  }
  const shared = { env, cwd: directory }
  // The registry of Erlang's nodes, which the server would start otherwise, and leave behind.
  const args = ['-port', String(namesPort), '-address', '127.0.0.1']
  await subprocesses.spawn({ ...shared, name: 'epmd', command: 'epmd', args, outputFile: file('epmd.log') })
  let server: Subprocess
  async function start(): Promise<void> {
    server = await subprocesses.spawn({
      ...shared,
      name: 'rabbitmq',
      command: program as string,
      outputFile: file('rabbit.log'),
    })
    const untilMs = systemClock.nowMs() + START_MS
    while (!(await isListening(port))) {
      if (systemClock.nowMs() > untilMs)
        throw new Error(`expected RabbitMQ to start:\n${readFileSync(file('rabbit.log'), 'utf8').slice(-2_000)}`)
      await sleep(systemClock, 100)
    }
  }
  const signal = (name: 'SIGSTOP' | 'SIGCONT'): void =>
    void process.kill(Number(readFileSync(file('pid'), 'utf8')), name)
  async function end(): Promise<void> {
    await subprocesses.stopAll()
    await rm(directory, { recursive: true, force: true })
  }
  try {
    await start()
  } catch (error) {
    await end()
    throw error
  }
  return {
    version: /RabbitMQ (\d[\w.]*)/.exec(readFileSync(file('rabbit.log'), 'utf8'))?.[1] ?? 'unknown',
    url: `amqp://127.0.0.1:${port}`,
    kill: async () => void (await server.stop(0)),
    start,
    freeze: () => signal('SIGSTOP'),
    thaw: () => signal('SIGCONT'),
    end,
  }
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
