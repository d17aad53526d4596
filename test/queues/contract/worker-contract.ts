import assert from 'node:assert/strict'
import type { StandardSchema } from '../../../src/blueprint/standard-schema.ts'
import { uniqueId } from '../../../src/core/random.ts'
import type { ReceivedItem } from '../../../src/queues/item-handler.ts'
import type { TopicDatabase, TopicTransaction } from '../../../src/topics/topic-database.ts'
import type { CaseBed, QueuesCase } from './queues-contract.ts'

const soon = { attempts: 3, pause: '1ms' } as const
const texts = (count: number): readonly string[] => Array.from({ length: count }, (_, n) => String(n))
const quoted = (values: readonly string[]): readonly string[] => values.map((value) => JSON.stringify(value))
const sorted = (values: Iterable<string>): readonly number[] => [...values].map(Number).sort((a, b) => a - b)
/** Gives others a turn, as a handler that waits for something does. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** What a worker does on every engine. */
export const workerCases: readonly QueuesCase[] = [
  {
    name: 'handles every item, so many at once as it may, and no item again',
    needs: [],
    async run({ queue, enqueue, work, until }) {
      const name = await queue()
      const seen: string[] = []
      let atOnce = 0
      let atOnceMost = 0
      await work({
        queue: name,
        concurrency: 4,
        handler: {
          async each({ value, attempt }) {
            assert.equal(attempt, 1)
            atOnceMost = Math.max(atOnceMost, ++atOnce)
            for (let n = 0; n < 5; n++) await turn()
            seen.push(value)
            atOnce--
          },
        },
      })
      for (let n = 0; n < 300; n += 30) await enqueue(name, ...quoted(texts(300).slice(n, n + 30)))
      await until('all are done', () => seen.length >= 300)
      for (let n = 0; n < 50; n++) await turn()
      assert.deepEqual(sorted(seen), sorted(texts(300)))
      assert.equal(atOnceMost, 4)
    },
  },
  {
    name: 'tries an item again when the handler throws, and puts it aside when that has not helped',
    needs: [],
    async run({ queue, engine, enqueue, work, until }) {
      const name = await queue()
      const tries: string[] = []
      let isMended = false
      await work({
        queue: name,
        retry: soon,
        handler: {
          async each({ value, attempt }) {
            tries.push(`${value} ${attempt}`)
            if (value === 'bad' && !isMended) throw new Error('no such user')
            if (value === 'shaky' && attempt < 3) throw new Error('not yet')
          },
        },
      })
      await enqueue(name, ...quoted(['bad', 'shaky', 'good']))
      const dead = await engine.deadItems(name)
      await until('one is dead', async () => (await dead.list()).length === 1)
      await until('one is done at last', () => tries.includes('shaky 3'))
      const [letter] = await dead.list()
      assert.deepEqual([letter?.payload, letter?.attempts, letter?.cause], ['"bad"', 3, 'no such user'])
      assert.deepEqual(
        tries.toSorted(),
        ['bad 1', 'bad 2', 'bad 3', 'good 1', 'shaky 1', 'shaky 2', 'shaky 3'].toSorted(),
      )
      isMended = true
      assert.equal(await dead.redrive(), 1)
      await until('it is done', () => tries.length === 8)
      await until('nothing is dead', async () => (await dead.list()).length === 0)
    },
  },
  {
    name: 'forgets what fails for ever if that is wanted',
    needs: [],
    async run({ queue, engine, enqueue, work, until }) {
      const name = await queue()
      const seen: string[] = []
      await work({
        queue: name,
        concurrency: 1,
        retry: { ...soon, attempts: 2, onFailure: 'skip' },
        handler: {
          async each({ value }) {
            seen.push(value)
            if (value === 'bad') throw new Error('no')
          },
        },
      })
      await enqueue(name, ...quoted(['bad']))
      await until('it was tried twice', () => seen.length === 2)
      await enqueue(name, ...quoted(['good']))
      await until('the other is done', () => seen.includes('good'))
      assert.deepEqual(await (await engine.deadItems(name)).list(), [])
      assert.deepEqual(seen, ['bad', 'bad', 'good'])
    },
  },
  {
    name: 'puts aside what the schema does not know, without calling the handler',
    needs: [],
    async run({ queue, engine, enqueue, work, until }) {
      const name = await queue()
      const seen: string[] = []
      const isText = (value: unknown): unknown =>
        typeof value === 'string' ? { value } : { issues: [{ message: 'expected text' }] }
      const schema: StandardSchema<string> = { '~standard': { version: 1, vendor: 'test', validate: isText } }
      await work({ queue: name, schema, handler: { each: async ({ value }) => void seen.push(value) } })
      await enqueue(name, '7', '"text"', 'no JSON')
      const dead = await engine.deadItems(name)
      await until('two are dead', async () => (await dead.list()).length === 2)
      await until('one is done', () => seen.length === 1)
      for (const { attempts, cause } of await dead.list()) {
        assert.equal(attempts, 1)
        assert.match(cause, /expected (an item of .* got: expected )?(text|JSON)/)
      }
    },
  },
  {
    name: 'hands out batches, and finds the bad item in one',
    needs: [],
    async run({ queue, engine, enqueue, work, until }) {
      const name = await queue()
      await enqueue(name, ...quoted(texts(25)))
      const seen: string[] = []
      let largest = 0
      await work({
        queue: name,
        batchMax: 10,
        retry: soon,
        handler: {
          async batch(items) {
            largest = Math.max(largest, items.length)
            if (items.some(({ value }) => value === '13')) throw new Error('unlucky')
            seen.push(...items.map(({ value }) => value))
          },
        },
      })
      const dead = await engine.deadItems(name)
      await until('one is dead', async () => (await dead.list()).length === 1)
      await until('the others are done', () => seen.length === 24)
      assert.deepEqual(sorted(seen), sorted(texts(25).filter((text) => text !== '13')))
      assert(largest <= 10)
    },
  },
  {
    name: 'counts a handler that takes too long as failed, and aborts its signal',
    needs: [],
    async run({ queue, enqueue, work, until }) {
      const name = await queue()
      const reasons: unknown[] = []
      let isDone = false
      await work({
        queue: name,
        timeout: '100ms',
        retry: soon,
        handler: {
          async each({ attempt }, { signal }) {
            if (attempt > 1) {
              isDone = true
              return
            }
            signal.addEventListener('abort', () => reasons.push((signal.reason as { code?: string }).code))
            await new Promise(() => {})
          },
        },
      })
      await enqueue(name, '"slow"')
      await until('it is done at the second try', () => isDone)
      assert.deepEqual(reasons, ['TF_TIMEOUT'])
    },
  },
  {
    name: 'finishes what is under way when it stops, and gives back what is not begun',
    needs: [],
    async run({ queue, enqueue, work, until }) {
      const name = await queue()
      const gate = Promise.withResolvers<void>()
      const first: string[] = []
      const second: string[] = []
      const begun: string[] = []
      const stopping = await work({
        queue: name,
        concurrency: 2,
        handler: {
          async each({ value }) {
            begun.push(value)
            await gate.promise
            first.push(value)
          },
        },
      })
      await enqueue(name, ...quoted(texts(10)))
      await until('two have begun', () => begun.length === 2)
      const stop = stopping.stop()
      await work({
        queue: name,
        handler: { each: async ({ value, attempt }) => void second.push(`${value} ${attempt}`) },
      })
      await until('the others are done elsewhere', () => second.length === 8)
      gate.resolve()
      await stop
      assert.deepEqual(sorted(first), sorted(begun))
      assert.deepEqual(sorted([...first, ...second.map((text) => text.replace(/ 1$/, ''))]), sorted(texts(10)))
    },
  },
  {
    name: 'gives back what is not finished when it has to stop, and aborts it',
    needs: [],
    async run({ queue, enqueue, work, until }) {
      const name = await queue()
      const reasons: unknown[] = []
      let begun = 0
      const hanging = await work({
        queue: name,
        handler: {
          async each(_item, { signal }) {
            begun++
            signal.addEventListener('abort', () => reasons.push((signal.reason as { code?: string }).code))
            await new Promise(() => {})
          },
        },
      })
      await enqueue(name, '"hanging"')
      await until('it has begun', () => begun === 1)
      await hanging.stop(50)
      assert.deepEqual(reasons, ['TF_ABORTED'])
      const attempts: number[] = []
      await work({ queue: name, handler: { each: async ({ attempt }) => void attempts.push(attempt) } })
      await until('another has done it', () => attempts.length === 1)
      assert.deepEqual(attempts, [1])
    },
  },
  ...(['each', 'batch'] as const).flatMap((kind) =>
    (['database', 'elsewhere'] as const).map((place): QueuesCase => {
      const where = place === 'database' ? 'the database of the queues' : 'another database'
      return {
        name: `has the effects of each item once in ${where}, ${kind === 'each' ? 'one by one' : 'in batches'}, though tries fail and workers leave`,
        needs: place === 'database' ? ['database', 'completesInTransaction'] : ['elsewhere'],
        run: (bed) => effectsOnce(bed, kind, bed[place]!),
      }
    }),
  ),
]

async function effectsOnce(
  { queue, enqueue, work, until }: CaseBed,
  kind: 'each' | 'batch',
  database: TopicDatabase,
): Promise<void> {
  const name = await queue()
  const label = uniqueId()
  let calls = 0
  async function write(items: readonly ReceivedItem<string>[], transaction: TopicTransaction): Promise<void> {
    for (const { value } of items) await transaction.query('insert into effect values ($1, $2)', [value, label])
    // After the effect, so that it has to be taken back.
    if (++calls % 7 === 0) throw new Error('now and then')
  }
  const options = {
    queue: name,
    batchMax: 5,
    effects: database,
    retry: { attempts: 20, pause: '1ms' },
    handler:
      kind === 'each'
        ? {
            each: (item: ReceivedItem<string>, { transaction }: { transaction: TopicTransaction }) =>
              write([item], transaction),
          }
        : {
            batch: (items: readonly ReceivedItem<string>[], { transaction }: { transaction: TopicTransaction }) =>
              write(items, transaction),
          },
  } as const
  const first = await work<TopicTransaction>(options)
  await enqueue(name, ...quoted(texts(60)))
  await work<TopicTransaction>(options)
  await enqueue(name, ...quoted(texts(120).slice(60)))
  await first.stop()
  const read = async (): Promise<readonly string[]> =>
    (await database.query<{ event: string }>('select event from effect where label = $1', [label])).rows.map(
      ({ event }) => event,
    )
  await until('all effects are there', async () => new Set(await read()).size === 120)
  assert.deepEqual(sorted(await read()), sorted(texts(120)))
}
