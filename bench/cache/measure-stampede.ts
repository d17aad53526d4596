import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { sleep, systemClock } from '../../src/core/clock.ts'
import type { ContenderModule } from './contender.ts'

const CALLERS = 1_000
const PROCESSES = 8
const LOAD_MS = 200
const HERE = fileURLToPath(import.meta.url)

interface StampedeOrder {
  readonly module: string
  readonly databaseUrl: string
  readonly linkUrl: string
}

/** How often a cold key is loaded that 1,000 callers in each of 8 processes ask for at once. */
export async function measureStampede(order: StampedeOrder, signal: AbortSignal): Promise<number> {
  const workers = Array.from({ length: PROCESSES }, () =>
    spawn(process.execPath, ['--conditions=tenfold-source', HERE, JSON.stringify(order)], {
      stdio: ['pipe', 'pipe', 'inherit'],
      signal,
      killSignal: 'SIGKILL',
    }),
  )
  try {
    const outputs = workers.map((worker) => {
      worker.on('error', () => undefined)
      return createInterface({ input: worker.stdout })[Symbol.asyncIterator]()
    })
    await Promise.all(outputs.map((output) => output.next()))
    for (const worker of workers) worker.stdin.write('go\n')
    const loads = await Promise.all(outputs.map((output) => output.next()))
    return loads.reduce((sum, { value }) => sum + Number(value), 0)
  } finally {
    for (const worker of workers) {
      if (worker.exitCode !== null || worker.signalCode !== null) continue
      const exit = once(worker, 'exit')
      worker.kill('SIGKILL')
      await exit
    }
  }
}

/** One of the processes: says how many loads it has seen when all have their answers. */
async function work({ module, databaseUrl, linkUrl }: StampedeOrder): Promise<void> {
  const { subject } = (await import(module)) as ContenderModule
  const cache = await subject.open({ databaseUrl, linkUrl, directUrl: linkUrl })
  let loads = 0
  const load = async (): Promise<number> => {
    loads++
    await sleep(systemClock, LOAD_MS)
    return 1
  }
  // What has to be opened is open.
  await cache.get('another', async () => 1)
  const input = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
  process.stdout.write('ready\n')
  if ((await input.next()).done === true) process.exit(1)
  await Promise.all(Array.from({ length: CALLERS }, () => cache.get('cold', load)))
  process.stdout.write(`${loads}\n`)
  await input.next()
  process.exit(0)
}

if (process.argv[2] !== undefined && import.meta.main) await work(JSON.parse(process.argv[2]) as StampedeOrder)
