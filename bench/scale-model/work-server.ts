import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'

// The program that instances run: each request is a fixed amount of work, so that capacity is known. It stands alone,
// because a copy of it is the whole release.
//
//   /?kind=arithmetic&rounds=1000   nothing but the processor's core
//   /?kind=json&rounds=10           parses and writes a document: allocates, and the collector runs
//   /?kind=memory&rounds=1000       reads at random places of 64 MiB: caches and memory
//   /?burn=on, /?burn=off           spins between requests, so that the instance uses all it is given
//   /?bindings                      where its databases are

const WORDS = 1 << 24
const BURN_ITERATIONS = 20_000
const order = {
  id: 4_711,
  items: Array.from({ length: 40 }, (_, index) => ({ sku: `recipe-${index}`, cents: 1_250 + index, tags: ['a', 'b'] })),
}
let memory: Int32Array | undefined
let isBurning = false

function arithmetic(rounds: number, seed = 1): number {
  let value = seed
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < 100; i++) value = (Math.imul(value, 1_664_525) + 1_013_904_223) | 0
  }
  return value
}

function json(rounds: number): number {
  let length = 0
  for (let round = 0; round < rounds; round++) {
    const copy = JSON.parse(JSON.stringify(order)) as typeof order
    copy.items.sort((a, b) => b.cents - a.cents)
    length += copy.items.length
  }
  return length
}

function reads(rounds: number): number {
  memory ??= new Int32Array(WORDS).fill(1)
  let place = 1
  for (let round = 0; round < rounds; round++) {
    place = (Math.imul(place, 1_664_525) + 1_013_904_223 + (memory[place & (WORDS - 1)] ?? 0)) | 0
  }
  return place
}

function burn(): void {
  if (!isBurning) return
  arithmetic(BURN_ITERATIONS / 100)
  setImmediate(burn)
}

function answer(url: URL): number | string {
  if (url.searchParams.has('bindings')) return readFileSync(process.env['TENFOLD_BINDINGS'] ?? '', 'utf8')
  const rounds = Number(url.searchParams.get('rounds') ?? 0)
  if (url.searchParams.has('burn')) {
    const wasBurning = isBurning
    isBurning = url.searchParams.get('burn') === 'on'
    if (isBurning && !wasBurning) setImmediate(burn)
  }
  switch (url.searchParams.get('kind')) {
    case 'json':
      return json(rounds)
    case 'memory':
      return reads(rounds)
    default:
      return arithmetic(rounds)
  }
}

createServer((request, response) => {
  response.end(String(answer(new URL(request.url ?? '/', 'http://localhost'))))
}).listen(Number(process.env['PORT']), process.env['HOST'])
