import type { ChildProcess } from 'node:child_process'
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sleep, systemClock } from '../../../src/core/clock.ts'
import { findFreePort } from '../../../src/core/free-port.ts'
import { uniqueId } from '../../../src/core/random.ts'
import { findKafkaJars } from './kafka-jars.ts'

/** A broker of Kafka on this machine, with its controller in the same process. */
export interface KafkaBroker {
  readonly version: string
  readonly url: string
  /** As the machine does it; what is written stays. */
  kill(): Promise<void>
  /** Whether it runs or not; resolves when it answers. */
  restart(): Promise<void>
  pause(): void
  resume(): void
  /** Kills it and removes its data. */
  end(): Promise<void>
}

/** How long a member that is not heard of stays in its group. */
export const SESSION_MS = 4_000

const START_TIMEOUT_MS = 180_000
const HEAP = ['-Xms128m', '-Xmx384m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1']

/** A broker ends with whoever has started it, however that ends: then there is nothing to read any more. */
const WITH_US = 'exec 3<&0; "$@" & pid=$!; (cat <&3 >/dev/null; kill -9 $pid) & wait $pid'

/** Starts one with data of its own. @returns why not, if it can't be had here */
export async function startKafkaBroker(): Promise<KafkaBroker | { readonly missing: string }> {
  const jars = findKafkaJars()
  if ('missing' in jars) return jars
  const directory = mkdtempSync(join(tmpdir(), 'tenfold kafka '))
  const [port, controllerPort] = [await findFreePort(), await findFreePort()]
  const settings = join(directory, 'server.properties')
  writeFileSync(settings, settingsOf({ port, controllerPort, directory }))
  const java = (...args: readonly string[]) => [...HEAP, '-cp', join(jars.directory, '*'), ...args]
  const clusterId = Buffer.from(uniqueId().replaceAll('-', ''), 'hex').toString('base64url')
  const format = java('kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', settings, '--standalone')
  const formatted = spawnSync('java', format, { encoding: 'utf8', timeout: START_TIMEOUT_MS })
  if (formatted.status !== 0) throw new Error(`the storage could not be formatted: ${formatted.stderr}`)
  let child: ChildProcess | undefined

  async function start(): Promise<void> {
    const out = openSync(join(directory, 'broker.log'), 'a')
    const command = ['-c', WITH_US, 'sh', 'java', ...java('kafka.Kafka', settings)]
    child = spawn('sh', command, { stdio: ['pipe', out, out], detached: true })
    const isOver = new Promise<true>((resolve) => child?.once('exit', () => resolve(true)))
    const untilMs = systemClock.nowMs() + START_TIMEOUT_MS
    while (!(await answers(port))) {
      if (systemClock.nowMs() > untilMs || (await Promise.race([isOver, sleep(systemClock, 100)])) === true) {
        throw new Error(
          `the broker does not start: ${readFileSync(join(directory, 'broker.log'), 'utf8').slice(-2_000)}`,
        )
      }
    }
  }
  /** To it, and the shell that watches. */
  const signal = (name: NodeJS.Signals): void => void process.kill(-(child?.pid as number), name)
  async function kill(): Promise<void> {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const exit = new Promise((resolve) => child?.once('exit', resolve))
    signal('SIGKILL')
    await exit
    // That was the shell: whoever looks whether the next one answers must not hear this one.
    while (await answers(port)) await sleep(systemClock, 20)
  }

  await start()
  return {
    version: jars.version,
    url: `kafka://127.0.0.1:${port}`,
    kill,
    async restart() {
      await kill()
      await start()
    },
    pause: () => signal('SIGSTOP'),
    resume: () => signal('SIGCONT'),
    async end() {
      await kill()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

interface Places {
  readonly port: number
  readonly controllerPort: number
  readonly directory: string
}

function settingsOf({ port, controllerPort, directory }: Places): string {
  const settings = {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.bootstrap.servers': `127.0.0.1:${controllerPort}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
    'log.dirs': join(directory, 'data'),
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 2,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    'auto.create.topics.enable': false,
    'group.consumer.min.session.timeout.ms': SESSION_MS,
    'group.consumer.session.timeout.ms': SESSION_MS,
    'group.consumer.min.heartbeat.interval.ms': 500,
    'group.consumer.heartbeat.interval.ms': 500,
  }
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
