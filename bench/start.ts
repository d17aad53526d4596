import { spawn } from 'node:child_process'
import { cp, mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { sleep, systemClock } from '../src/core/clock.ts'
import type { Benchmark } from './benchmark.ts'
import { median } from './benchmark.ts'
import { findFreePort } from '../src/core/free-port.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const GIVE_UP_MS = 120_000

/** How long `tenfold up` takes to answer its first request, from nothing and from what an earlier run left. */
export const benchmark: Benchmark = {
  name: 'start',
  description: 'seconds from `tenfold up` to the first 200 of ByteBites, cold (no data) and warm',
  async run({ isQuick, log, keep, signal }) {
    const rounds = isQuick ? 1 : 3
    const warmPerRound = isQuick ? 2 : 3
    const cold: number[] = []
    const warm: number[] = []
    for (let round = 0; round < rounds; round++) {
      const system = await copySystem()
      try {
        log(`round ${round + 1} of ${rounds}`)
        for (let start = 0; start <= warmPerRound; start++) {
          const seconds = await secondsToFirstAnswer(system, signal)
          ;(start === 0 ? cold : warm).push(seconds)
          keep(start === 0 ? 'cold' : 'warm', { seconds })
        }
      } finally {
        await removeSystem(system)
      }
    }
    return {
      figures: {
        coldSeconds: median(cold),
        coldSecondsMax: Math.max(...cold),
        warmSeconds: median(warm),
        warmSecondsMax: Math.max(...warm),
      },
      peers: [],
    }
  },
}

/** A copy inside the checkout, where `tenfold` and its dependencies are found, without data of earlier runs. */
async function copySystem(): Promise<string> {
  const directory = join(root, `.bench/start-${process.pid}`)
  await rm(directory, { recursive: true, force: true })
  await mkdir(directory, { recursive: true })
  await cp(join(root, 'systems/bytebites'), directory, {
    recursive: true,
    filter: (path) => !path.endsWith('.tenfold'),
  })
  return directory
}

/** Removes the copy and its data, which is elsewhere when the unprivileged account can't reach the checkout. */
async function removeSystem(directory: string): Promise<void> {
  const state = join(directory, '.tenfold/bytebites/state.json')
  const record = JSON.parse(await readFile(state, 'utf8').catch(() => '{}')) as { outside?: { path: string } }
  if (record.outside !== undefined) await rm(record.outside.path, { recursive: true, force: true })
  await rm(directory, { recursive: true, force: true })
}

async function secondsToFirstAnswer(system: string, signal: AbortSignal): Promise<number> {
  const port = await findFreePort()
  const startMs = systemClock.nowMs()
  const child = spawn(join(root, 'bin/tenfold.js'), ['up', system, '--ephemeral', '--port', String(port)], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => (said = `${said}${chunk}`.slice(-2_000)))
  try {
    while (!signal.aborted) {
      if (await answers(port)) return (systemClock.nowMs() - startMs) / 1_000
      if (child.exitCode !== null || systemClock.nowMs() - startMs > GIVE_UP_MS) {
        throw new Error(`expected ByteBites to answer, but it said: ${said}`)
      }
      await sleep(systemClock, 20)
    }
    throw new Error('interrupted')
  } finally {
    child.kill('SIGINT')
    await exited
  }
}

async function answers(port: number): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${port}/health`, { signal: AbortSignal.timeout(2_000) })).status === 200
  } catch {
    // Nobody listens yet.
    return false
  }
}
