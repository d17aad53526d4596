import { pbkdf2Sync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'

// The program that instances run: each request is a fixed amount of work, so that capacity is known. It stands alone,
// because a copy of it is the whole release. The work is done by native code: loops in JavaScript change their speed
// severalfold when the compiler changes its mind.
//
//   /?kind=hash&rounds=1000     nothing but the processor's core
//   /?kind=json&rounds=10       parses and writes a document: allocates, and the collector runs
//   /?kind=memory&rounds=10     copies blocks of 64 KiB from one place of 64 MiB to another: caches and memory
//   /?burn=5000                 hashes between requests for so many ms, so that the instance uses all it is given
//   /?bindings                  where its databases are

const MEMORY_BYTES = 1 << 26
const BLOCK_BYTES = 1 << 16
const BURN_ROUNDS = 500
const BURN_MS_MAX = 15_000
const text = JSON.stringify(
  Array.from({ length: 40 }, (_, index) => ({ sku: `recipe-${index}`, cents: 1_250 + index, tags: ['a', 'b'] })),
)
let memory: Buffer | undefined
let place = 0
let burnUntilMs = 0

function hash(rounds: number): number {
  return pbkdf2Sync('dinner', 'salt', rounds, 8, 'sha256').length
}

function json(rounds: number): number {
  let length = 0
  for (let round = 0; round < rounds; round++) length += JSON.stringify(JSON.parse(text)).length
  return length
}

function copy(rounds: number): number {
  memory ??= Buffer.alloc(MEMORY_BYTES, 1)
  for (let round = 0; round < rounds; round++) {
    const from = place
    place = (place + 37 * BLOCK_BYTES) % MEMORY_BYTES
    memory.copyWithin(place, from, from + BLOCK_BYTES)
  }
  return place
}

function burn(): void {
  if (performance.now() >= burnUntilMs) return
  hash(BURN_ROUNDS)
  setImmediate(burn)
}

function answer(url: URL): number | string {
  if (url.searchParams.has('bindings')) return readFileSync(process.env['TENFOLD_BINDINGS'] ?? '', 'utf8')
  const burnMs = url.searchParams.get('burn')
  if (burnMs !== null) {
    // It ends by itself: nobody may be left to end it.
    burnUntilMs = performance.now() + Math.min(Number(burnMs), BURN_MS_MAX)
    setImmediate(burn)
  }
  const rounds = Number(url.searchParams.get('rounds') ?? 0)
  if (rounds === 0) return 0
  const kind = url.searchParams.get('kind')
  return kind === 'json' ? json(rounds) : kind === 'memory' ? copy(rounds) : hash(rounds)
}

createServer((request, response) => {
  response.end(String(answer(new URL(request.url ?? '/', 'http://localhost'))))
}).listen(Number(process.env['PORT']), process.env['HOST'])
