import { Client } from 'pg'
import { systemClock } from '../../src/core/clock.ts'
import { createHistogram } from '../../src/core/histogram.ts'
import { seededRandom } from '../../src/core/random.ts'
import { TABLE_ROWS } from './stage.ts'

// Puts one statement on some database nodes, from a process of its own. Prints {} when it begins to measure, and the
// figures at the end. Without a rate each connection always has a statement under way; with a rate they arrive as a
// Poisson stream for each node, and a statement's latency counts from its intended start.

/** What to do. */
export interface ClientOrder {
  readonly urls: readonly string[]
  readonly statement: keyof typeof STATEMENTS
  /** Connections to each node. */
  readonly lanes: number
  readonly seconds: number
  readonly ratePerSecondEach?: number
  readonly seed: number
}

/** What was measured. */
export interface ClientReport {
  readonly perSecond: number
  readonly statements: number
  readonly meanMs: number
  readonly p50Ms: number
  readonly p95Ms: number
  readonly p99Ms: number
  readonly maxMs: number
  readonly clientCpuSeconds: number
  /** 99th percentile of how late the client itself was. */
  readonly clientLagMsP99: number
}

const STATEMENTS = {
  read: 'select id, balance, note from account where id = $1',
  write: 'update account set balance = balance + 1 where id = $1',
} as const
const WARM_UP_STATEMENTS = 50
const WAITING_MAX = 100_000

if (import.meta.main) await main(JSON.parse(process.argv[2] ?? '') as ClientOrder)

async function main(order: ClientOrder): Promise<void> {
  const text = STATEMENTS[order.statement]
  const nodes = await Promise.all(order.urls.map((url) => connect(url, order.lanes)))
  const random = seededRandom(order.seed)
  const latencyUs = createHistogram()
  const lagUs = createHistogram()
  const run = async (client: Client, intendedMs: number): Promise<void> => {
    await client.query({ name: order.statement, text, values: [1 + random.integer(TABLE_ROWS)] })
    latencyUs.record(Math.round((systemClock.nowMs() - intendedMs) * 1_000))
  }
  for (const client of nodes.flat()) {
    for (let i = 0; i < WARM_UP_STATEMENTS; i++) await run(client, systemClock.nowMs())
  }
  latencyUs.reset()
  console.log('{}')
  const cpu = process.cpuUsage()
  const startMs = systemClock.nowMs()
  const endMs = startMs + order.seconds * 1_000
  const { ratePerSecondEach: rate } = order
  await Promise.all(
    nodes.map((lanes) =>
      rate === undefined
        ? closedLoop(lanes, endMs, run)
        : openLoop(lanes, { startMs, endMs, gapMs: () => random.exponential(1_000 / rate), lagUs }, run),
    ),
  )
  const seconds = (systemClock.nowMs() - startMs) / 1_000
  const used = process.cpuUsage(cpu)
  const ms = (us: number): number => us / 1_000
  const report: ClientReport = {
    perSecond: latencyUs.count / seconds,
    statements: latencyUs.count,
    meanMs: ms(latencyUs.mean),
    p50Ms: ms(latencyUs.percentile(50)),
    p95Ms: ms(latencyUs.percentile(95)),
    p99Ms: ms(latencyUs.percentile(99)),
    maxMs: ms(latencyUs.max),
    clientCpuSeconds: (used.user + used.system) / 1e6,
    clientLagMsP99: ms(lagUs.percentile(99)),
  }
  console.log(JSON.stringify(report))
  await Promise.all(nodes.flat().map((client) => client.end()))
}

async function connect(url: string, lanes: number): Promise<Client[]> {
  const clients = Array.from({ length: lanes }, () => new Client({ connectionString: url }))
  await Promise.all(clients.map((client) => client.connect()))
  return clients
}

type Run = (client: Client, intendedMs: number) => Promise<void>

async function closedLoop(lanes: readonly Client[], endMs: number, run: Run): Promise<void> {
  await Promise.all(
    lanes.map(async (client) => {
      for (let nowMs = systemClock.nowMs(); nowMs < endMs; nowMs = systemClock.nowMs()) await run(client, nowMs)
    }),
  )
}

/** In order of arrival over the lanes of one node; resolves when all that arrived has been answered. */
function openLoop(
  lanes: readonly Client[],
  schedule: { startMs: number; endMs: number; gapMs: () => number; lagUs: ReturnType<typeof createHistogram> },
  run: Run,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const free = [...lanes]
  const waiting: number[] = []
  let nextMs = schedule.startMs + schedule.gapMs()

  async function serve(client: Client, intendedMs: number): Promise<void> {
    await run(client, intendedMs)
    free.push(client)
    send()
  }

  function send(): void {
    while (waiting.length > 0 && free.length > 0) {
      serve(free.pop() as Client, waiting.shift() as number).catch(reject)
    }
    if (nextMs >= schedule.endMs && waiting.length === 0 && free.length === lanes.length) resolve()
  }

  function arrive(): void {
    const nowMs = systemClock.nowMs()
    for (; nextMs <= nowMs && nextMs < schedule.endMs; nextMs += schedule.gapMs()) {
      if (waiting.length >= WAITING_MAX) return reject(new Error('expected the node to keep up, got a full queue'))
      waiting.push(nextMs)
      schedule.lagUs.record(Math.round((nowMs - nextMs) * 1_000))
    }
    send()
    if (nextMs < schedule.endMs) systemClock.schedule(Math.max(0, nextMs - systemClock.nowMs()), arrive)
  }

  arrive()
  return promise
}
