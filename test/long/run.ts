import { readdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { systemClock } from '../../src/core/clock.ts'
import { freshSeed, seededRandom } from '../../src/core/random.ts'
import type { Hunt } from './hunt.ts'

// npm run test:long -- NAME [--minutes N] [--seed S] [--seeds N, for hunts that count them]
// Ends with code 1 when it has found something. The last line of the output is one JSON object of figures.

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { minutes: { type: 'string', default: '5' }, seed: { type: 'string' }, seeds: { type: 'string' } },
})
const hunts = await findHunts()
const hunt = hunts.find((each) => each.name === positionals[0])
const minutes = Number(values.minutes)

if (positionals.length === 0) {
  console.log('npm run test:long -- NAME [--minutes N] [--seed S] [--seeds N, for hunts that count them]\n')
  for (const each of hunts) console.log(`  ${each.name.padEnd(16)} ${each.description}`)
} else if (hunt === undefined || !(minutes > 0)) {
  console.error(`expected one of ${hunts.map(({ name }) => name).join(', ')} and --minutes above 0`)
  process.exitCode = 2
} else {
  await run(hunt, values.seed === undefined ? freshSeed() : Number(values.seed))
}

async function run({ name, run: search }: Hunt, seed: number): Promise<void> {
  const over = new AbortController()
  const cancel = systemClock.schedule(minutes * 60_000, () => over.abort())
  process.once('SIGINT', () => over.abort())
  console.error(`${name} for ${minutes} minutes with --seed ${seed}`)
  try {
    const { figures, defects } = await search({
      random: seededRandom(seed),
      seed,
      seeds: values.seeds === undefined ? undefined : Number(values.seeds),
      signal: over.signal,
      log: (text) => console.error(text),
    })
    for (const defect of defects) console.error(`  found: ${defect}`)
    console.log(JSON.stringify({ name, seed, ...figures }))
    if (defects.length > 0) process.exitCode = 1
  } finally {
    cancel()
  }
}

async function findHunts(): Promise<readonly Hunt[]> {
  const directory = fileURLToPath(new URL('.', import.meta.url))
  const files = (await readdir(directory)).filter((file) => file.endsWith('.ts') && file !== 'run.ts').sort()
  const modules = await Promise.all(files.map((file) => import(new URL(file, import.meta.url).href)))
  return modules.flatMap((module: { hunt?: Hunt }) => (module.hunt === undefined ? [] : [module.hunt]))
}
