import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { cpus, loadavg, release, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { systemClock } from '../src/core/clock.ts'
import type { Benchmark, Figures } from './benchmark.ts'

// npm run bench -- NAME [--quick] [--json]
// The last line of --json is one object { name, figures, peers, machine }. All trials go to bench/results/.

const directory = fileURLToPath(new URL('.', import.meta.url))
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: 'boolean', default: false }, json: { type: 'boolean', default: false } },
})
const [name] = positionals
const known = await findBenchmarks()
const benchmark = known.find((each) => each.name === name)

if (name === undefined) {
  console.log('npm run bench -- NAME [--quick] [--json]\n')
  for (const each of known) console.log(`  ${each.name.padEnd(16)} ${each.description}`)
} else if (benchmark === undefined) {
  console.error(`expected one of ${known.map((each) => each.name).join(', ')}, got "${name}"`)
  process.exitCode = 2
} else {
  const abort = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => abort.abort())
  try {
    await runBenchmark(benchmark, abort.signal)
  } catch (error) {
    if (!abort.signal.aborted) throw error
    console.error('stopped; nothing was written')
    process.exitCode = 130
  }
}

async function findBenchmarks(): Promise<Benchmark[]> {
  const files = (await readdir(directory)).filter((file) => file.endsWith('.ts') && file !== 'run.ts').sort()
  const modules = await Promise.all(files.map((file) => import(new URL(file, import.meta.url).href)))
  return modules.flatMap((module: { benchmark?: Benchmark }) =>
    module.benchmark === undefined ? [] : [module.benchmark],
  )
}

async function runBenchmark(benchmark: Benchmark, signal: AbortSignal): Promise<void> {
  const trials: { variant: string; figures: Figures }[] = []
  const machine = describeMachine()
  const startMs = systemClock.nowMs()
  const outcome = await benchmark.run({
    isQuick: values.quick,
    signal,
    log: (text) => console.error(text),
    keep(variant, figures) {
      trials.push({ variant, figures })
      console.error(`  ${variant}: ${describeFigures(figures)}`)
    },
  })
  const figures = Object.fromEntries(Object.entries(outcome.figures).map(([key, value]) => [key, round(value)]))
  const result = { name: benchmark.name, figures, peers: outcome.peers, machine }

  const results = `${directory}results`
  await mkdir(results, { recursive: true })
  const at = new Date(systemClock.epochMs()).toISOString()
  const file = `${results}/${benchmark.name}-${at.replaceAll(':', '-')}.json`
  await writeFile(file, `${JSON.stringify({ ...result, at, isQuick: values.quick, trials }, undefined, 2)}\n`)

  if (values.json) {
    console.log(JSON.stringify(result))
    return
  }
  console.log(`\n${benchmark.name} on ${machine.cpus} × ${machine.model}, Node ${machine.node}`)
  for (const [key, value] of Object.entries(figures)) console.log(`  ${key.padEnd(32)} ${value}`)
  for (const peer of outcome.peers) {
    const text = peer.ran ? `${peer.version}: ${describeFigures(peer.figures)}` : `not run: ${peer.reason}`
    console.log(`  peer ${peer.name} ${text}`)
  }
  console.log(`  every trial in ${file}, ${round((systemClock.nowMs() - startMs) / 1_000)} s`)
}

function describeMachine() {
  const all = cpus()
  return {
    cpus: all.length,
    model: all[0]?.model.trim() ?? 'unknown',
    memoryGiB: round(totalmem() / 1024 ** 3),
    system: `${process.platform} ${release()}`,
    node: process.version,
    /** Above the number of CPUs, something else ran at the same time. */
    loadAverage: round(loadavg()[0] ?? 0),
  }
}

function describeFigures(figures: Figures): string {
  return Object.entries(figures)
    .map(([key, value]) => `${key} ${round(value)}`)
    .join(', ')
}

function round(value: number): number {
  return Math.abs(value) >= 1_000 ? Math.round(value) : Number(value.toPrecision(4))
}
