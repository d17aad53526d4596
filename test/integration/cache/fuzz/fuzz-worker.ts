import { sleep, systemClock } from '../../../../src/core/clock.ts'
import { seededRandom } from '../../../../src/core/random.ts'
import { connectDatabase } from '../../../../src/sql/database.ts'
import type { CacheSubject, ItemStore, SubjectOptions } from './subject.ts'

/** What a worker is told, as JSON in its first argument. */
export interface FuzzOrder extends SubjectOptions {
  /** Of the module that exports the `subject`. */
  readonly module: string
  readonly process: number
  readonly seed: number
  readonly keys: number
  readonly writers: number
}

/** What it says, a line of JSON each: answers, changes, and how it counts what memory has answered. */
export type FuzzNote =
  | readonly ['read', key: string, version: number, askedMs: number]
  | readonly ['write', key: string, version: number, doneMs: number]
  | readonly ['hits', count: number]
  | readonly ['ready']

const READERS = 4
const LOAD_MS_MAX = 60

/** The machine's monotonic clock: processes compare their readings of it. */
const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6

async function work(order: FuzzOrder): Promise<void> {
  const { subject } = (await import(order.module)) as { subject: CacheSubject }
  const random = seededRandom(order.seed)
  const database = connectDatabase({ url: order.databaseUrl, connectionsMax: 4 })
  const cache = await subject.open(order)
  let hits = 0
  const note = (...said: FuzzNote): void => void process.stdout.write(`${JSON.stringify(said)}\n`)
  // Whoever has started it has died.
  process.stdin.once('end', () => process.exit(1)).resume()

  const store: ItemStore = {
    async read(key) {
      const { rows } = await database.query<{ version: number }>('select version from item where key = $1', [key])
      // What is read is on its way for a while, which is when it becomes old.
      await sleep(systemClock, random.integer(LOAD_MS_MAX))
      return rows[0]!.version
    },
    change: (key, withIt) =>
      database.transaction(async (transaction) => {
        const { rows } = await transaction.query<{ version: number }>(
          'update item set version = version + 1 where key = $1 returning version',
          [key],
        )
        await withIt(transaction)
        return rows[0]!.version
      }),
  }
  const anyKey = (): string => `item ${random.integer(order.keys)}`

  async function read(): Promise<void> {
    for (;;) {
      const key = anyKey()
      const askedMs = monotonicMs()
      let isLoaded = false
      const load = async (): Promise<number> => {
        isLoaded = true
        return store.read(key)
      }
      try {
        const version = cache.peek?.(key) ?? (await cache.get(key, load))
        if (!isLoaded) hits++
        note('read', key, version, askedMs)
      } catch {
        // No answer is no wrong answer.
      }
      await sleep(systemClock, random.integer(10))
    }
  }

  async function write(): Promise<void> {
    for (;;) {
      await sleep(systemClock, 50 + random.integer(450))
      // Two people edit the same thing, or one twice: the second while others load what the first has changed.
      const key = anyKey()
      for (let times = 1 + random.integer(2); times > 0; times--) {
        try {
          const version = await cache.change(key, store)
          note('write', key, version, monotonicMs())
        } catch {
          // It may have been made: then nobody must know of it, and may.
        }
        await sleep(systemClock, random.integer(LOAD_MS_MAX))
      }
    }
  }

  note('ready')
  for (let n = 0; n < READERS; n++) void read()
  for (let n = 0; n < order.writers; n++) void write()
  systemClock.every(200, () => {
    note('hits', hits)
    hits = 0
  })
}

if (process.argv[2] !== undefined && import.meta.main) await work(JSON.parse(process.argv[2]) as FuzzOrder)
