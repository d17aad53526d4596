import assert from 'node:assert/strict'
import { uniqueId } from '../../../src/core/random.ts'
import type {
  ClaimedItem,
  Enqueued,
  NewItem,
  QueueCapabilities,
  QueueEngine,
  QueueLimits,
  QueueWorker,
} from '../../../src/queues/queue-engine.ts'
import type { TopicDatabase, TopicTransaction } from '../../../src/topics/topic-database.ts'
import type { Component } from '../../../src/core/component.ts'
import type { WorkerOptions } from '../../../src/queues/worker.ts'
import { createWorker } from '../../../src/queues/worker.ts'
import { workerCases } from './worker-contract.ts'

/** What an engine under test brings along. */
export interface QueuesHarness {
  readonly engine: QueueEngine
  /** A new queue. */
  queue(limits?: QueueLimits): Promise<string>
  /** The database that holds the queues, with an empty table `effect (event text, label text)`. */
  readonly database?: TopicDatabase
  /** Another one, with the same table, and the layout of topics, which has the inbox. */
  readonly elsewhere?: TopicDatabase
  /** Waits until a condition holds, or fails. */
  until(what: string, holds: () => boolean | Promise<boolean>): Promise<void>
}

/** What a case needs of the engine, or of the harness. */
export type Need = keyof QueueCapabilities | 'database' | 'elsewhere'

/** A case of the suite: data, so that every runner can run it. */
export interface QueuesCase {
  /** A sentence in the present tense. */
  readonly name: string
  readonly needs: readonly Need[]
  run(bed: CaseBed): Promise<void>
}

/** What a case is given. */
export interface CaseBed extends QueuesHarness {
  enqueue(queue: string, ...payloads: readonly string[]): Promise<readonly Enqueued[]>
  enqueueAs(queue: string, as: Partial<NewItem>, ...payloads: readonly string[]): Promise<readonly Enqueued[]>
  /** A worker that leaves after the case. */
  join(queue: string, claimedMax?: number): Promise<QueueWorker>
  /** A worker with a handler, stopped after the case. */
  work<Transaction extends TopicTransaction | undefined = undefined>(
    options: Omit<WorkerOptions<string, Transaction>, 'engine'>,
  ): Promise<Component>
  /** Claims until there are so many. */
  claim(worker: QueueWorker, count: number): Promise<readonly ClaimedItem[]>
}

/** Why a case can't be run on an engine; undefined: it can. */
export function missingNeed({ needs }: QueuesCase, harness: QueuesHarness): string | undefined {
  const isThere = (need: Need): boolean =>
    need === 'database' || need === 'elsewhere' ? harness[need] !== undefined : harness.engine.capabilities[need]
  return needs.find((need) => !isThere(need))
}

/** Runs a case and ends what it has begun. */
export async function runQueuesCase({ run }: QueuesCase, harness: QueuesHarness): Promise<void> {
  const { engine, until } = harness
  const workers: QueueWorker[] = []
  const components: Component[] = []
  const enqueueAs: CaseBed['enqueueAs'] = (queue, as, ...payloads) =>
    engine.enqueue(
      queue,
      payloads.map((payload) => ({ itemId: uniqueId(), priority: 'normal', payload, ...as })),
    )
  try {
    await run({
      ...harness,
      enqueueAs,
      enqueue: (queue, ...payloads) => enqueueAs(queue, {}, ...payloads),
      async join(queue, claimedMax = 100) {
        const worker = await engine.join(queue, { claimedMax })
        workers.push(worker)
        return worker
      },
      async work(options) {
        const worker = createWorker({ engine, ...options })
        components.push(worker)
        await worker.start()
        return worker
      },
      async claim(worker, count) {
        const claimed: ClaimedItem[] = []
        await until(`${count} items can be claimed`, async () => {
          claimed.push(...(await worker.claim(count - claimed.length)))
          return claimed.length >= count
        })
        return claimed
      },
    })
  } finally {
    await Promise.all([...workers.map((worker) => worker.leave()), ...components.map((component) => component.stop())])
  }
}

const payloadsOf = (items: readonly ClaimedItem[]): readonly string[] => items.map(({ payload }) => payload)

/** What every engine has to do, and what a worker does with it. */
export const queuesCases: readonly QueuesCase[] = [
  {
    name: 'hands out each item once, as it was put in, and none that is done',
    needs: [],
    async run({ queue, engine, join, claim, enqueue }) {
      const name = await queue()
      const itemId = uniqueId()
      const [given] = await engine.enqueue(name, [
        { itemId, priority: 'high', payload: '{"a":1}', headers: { traceparent: 'x' }, key: 'k' },
      ])
      assert.deepEqual(given, { itemId, isDuplicate: false })
      const [one, two] = [await join(name), await join(name)]
      const [item] = await claim(one, 1)
      assert.deepEqual(
        [item?.itemId, item?.payload, item?.headers, item?.key, item?.priority, item?.attempt],
        [itemId, '{"a":1}', { traceparent: 'x' }, 'k', 'high', 1],
      )
      assert.deepEqual(await one.complete([item!]), [])
      await enqueue(name, 'next')
      assert.deepEqual(payloadsOf(await claim(two, 1)), ['next'])
      assert.deepEqual([...(await one.claim(10)), ...(await two.claim(10))], [])
    },
  },
  {
    name: 'hands out the oldest of the highest priority first',
    needs: [],
    async run({ queue, join, claim, enqueueAs }) {
      const name = await queue()
      for (const priority of ['low', 'normal', 'urgent', 'high'] as const) {
        await enqueueAs(name, { priority }, `${priority} 1`)
        await enqueueAs(name, { priority }, `${priority} 2`)
      }
      const expected = ['urgent', 'high', 'normal', 'low'].flatMap((priority) => [`${priority} 1`, `${priority} 2`])
      const worker = await join(name, 1)
      const seen: string[] = []
      for (let n = 0; n < expected.length; n++) {
        const claimed = await claim(worker, 1)
        seen.push(...payloadsOf(claimed))
        await worker.complete(claimed)
      }
      assert.deepEqual(seen, expected)
    },
  },
  {
    name: 'shares the items between workers',
    needs: [],
    async run({ queue, join, enqueue, until }) {
      const name = await queue()
      const payloads = Array.from({ length: 200 }, (_, n) => String(n))
      await enqueue(name, ...payloads)
      const workers = await Promise.all([1, 2, 3, 4].map(() => join(name, 20)))
      const seen: string[] = []
      await until('all are done', async () => {
        await Promise.all(
          workers.map(async (worker) => {
            const claimed = await worker.claim(20)
            seen.push(...payloadsOf(claimed))
            await worker.complete(claimed)
          }),
        )
        return seen.length >= 200
      })
      assert.deepEqual(
        seen.map(Number).sort((a, b) => a - b),
        payloads.map(Number),
      )
    },
  },
  {
    name: 'does not hand out an item before its time',
    needs: [],
    async run({ queue, join, claim, enqueueAs }) {
      const name = await queue()
      const startMs = performance.now()
      await enqueueAs(name, { notBefore: { delayMs: 700 } }, 'later')
      await enqueueAs(name, {}, 'at once')
      await enqueueAs(name, { notBefore: { epochMs: Date.now() - 60_000 } }, 'long since')
      const worker = await join(name)
      assert.deepEqual(payloadsOf(await claim(worker, 2)).toSorted(), ['at once', 'long since'])
      assert.deepEqual(payloadsOf(await claim(worker, 1)), ['later'])
      assert(performance.now() - startMs >= 700, 'too early')
    },
  },
  {
    name: 'hands out an item again that is to be tried again, later, with its tries counted',
    needs: [],
    async run({ queue, join, claim, enqueue }) {
      const name = await queue()
      await enqueue(name, 'bad')
      const [one, two] = [await join(name), await join(name)]
      const [first] = await claim(one, 1)
      const startMs = performance.now()
      await one.retry(first!, { cause: 'no', attempts: 1, afterMs: 300 })
      const [second] = await claim(two, 1)
      assert(performance.now() - startMs >= 300, 'too early')
      assert.deepEqual([second?.itemId, second?.payload, second?.attempt], [first!.itemId, 'bad', 2])
      assert.notEqual(second?.claim, first?.claim)
    },
  },
  {
    name: 'keeps what is given up with its cause and tries, until it is redriven or removed',
    needs: [],
    async run({ queue, engine, join, claim, enqueue }) {
      const name = await queue()
      await enqueue(name, 'a', 'b')
      const worker = await join(name)
      for (const item of await claim(worker, 2)) await worker.bury(item, { cause: 'no such user', attempts: 3 })
      const dead = await engine.deadItems(name)
      const listed = await dead.list()
      assert.deepEqual(listed.map(({ payload, cause, attempts }) => [payload, cause, attempts]).toSorted(), [
        ['a', 'no such user', 3],
        ['b', 'no such user', 3],
      ])
      assert.deepEqual(await worker.claim(10), [])
      const [a, b] = ['a', 'b'].map((wanted) => listed.find(({ payload }) => payload === wanted)!.itemId)
      assert.equal(await dead.remove({ itemIds: [b!] }), 1)
      assert.equal(await dead.redrive({ itemIds: [a!, b!] }), 1)
      const [again] = await claim(worker, 1)
      assert.deepEqual([again?.itemId, again?.attempt], [a, 1])
      await worker.bury(again!, { cause: 'still not', attempts: 1 })
      assert.deepEqual(
        (await dead.list()).map(({ cause, attempts }) => [cause, attempts]),
        [['still not', 4]],
      )
      assert.equal(await dead.redrive(), 1)
      await worker.complete(await claim(worker, 1))
      assert.deepEqual(await dead.list(), [])
    },
  },
  {
    name: 'lets others have what a worker gives back, or leaves behind, without counting a try',
    needs: [],
    async run({ queue, join, claim, enqueue }) {
      const name = await queue()
      await enqueue(name, '1', '2', '3')
      const [one, two] = [await join(name), await join(name)]
      const claimed = await claim(one, 3)
      await one.giveBack(claimed.slice(0, 1))
      const [back] = await claim(two, 1)
      assert.deepEqual([back?.itemId, back?.attempt], [claimed[0]!.itemId, 1])
      await one.leave()
      const rest = await claim(two, 2)
      assert.deepEqual(
        rest.map(({ itemId, attempt }) => [itemId, attempt]).toSorted(),
        claimed
          .slice(1)
          .map(({ itemId }) => [itemId, 1])
          .toSorted(),
      )
    },
  },
  {
    name: 'refuses to finish what was given back',
    needs: [],
    async run({ queue, join, claim, enqueue }) {
      const name = await queue()
      await enqueue(name, 'once')
      const [one, two] = [await join(name), await join(name)]
      const [old] = await claim(one, 1)
      await one.giveBack([old!])
      const [item] = await claim(two, 1)
      const lost = { code: 'TF_CLAIM_LOST' }
      await assert.rejects(one.retry(old!, { cause: 'late', attempts: 1, afterMs: 0 }), lost)
      await assert.rejects(one.bury(old!, { cause: 'late', attempts: 1 }), lost)
      await one.giveBack([old!])
      assert.deepEqual(await one.complete([old!]), [old])
      assert.deepEqual(await two.complete([item!]), [])
    },
  },
  {
    name: 'puts items in with a transaction, or none if that is rolled back',
    needs: ['enqueuesInTransaction', 'database'],
    async run({ queue, engine, database, join, claim }) {
      const name = await queue()
      const item = (payload: string): readonly NewItem[] => [{ itemId: uniqueId(), priority: 'normal', payload }]
      const failed = database!.transaction(async (transaction) => {
        await engine.enqueue(name, item('never'), { transaction })
        throw new Error('rolled back')
      })
      await assert.rejects(failed, /rolled back/)
      await database!.transaction((transaction) => engine.enqueue(name, item('once'), { transaction }))
      const worker = await join(name)
      assert.deepEqual(payloadsOf(await claim(worker, 1)), ['once'])
      assert.deepEqual(await worker.claim(1), [])
    },
  },
  {
    name: 'finds what a slow transaction has put in after all that came later is done',
    needs: ['enqueuesInTransaction', 'database'],
    async run({ queue, engine, database, join, claim, enqueue }) {
      const name = await queue()
      const worker = await join(name)
      const [written, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
      const slow = database!.transaction(async (transaction) => {
        await engine.enqueue(name, [{ itemId: uniqueId(), priority: 'normal', payload: 'slow' }], { transaction })
        written.resolve()
        await gate.promise
      })
      await written.promise
      for (let n = 0; n < 3; n++) {
        await enqueue(name, `fast ${n}`)
        const claimed = await claim(worker, 1)
        assert.deepEqual(payloadsOf(claimed), [`fast ${n}`])
        await worker.complete(claimed)
      }
      gate.resolve()
      await slow
      assert.deepEqual(payloadsOf(await claim(worker, 1)), ['slow'])
    },
  },
  {
    name: "completes with a transaction, which fails if the item is another worker's by now",
    needs: ['completesInTransaction', 'database'],
    async run({ queue, database, join, claim, enqueue }) {
      const name = await queue()
      const label = uniqueId()
      await enqueue(name, 'a', 'b')
      const [one, two] = [await join(name), await join(name)]
      const finish = (worker: QueueWorker, items: readonly ClaimedItem[], text: string): Promise<void> =>
        database!.transaction(async (transaction) => {
          await transaction.query('insert into effect values ($1, $2)', [text, label])
          await worker.complete(items, { transaction })
        })
      const claimed = await claim(one, 2)
      await one.giveBack(claimed.slice(0, 1))
      const again = await claim(two, 1)
      await assert.rejects(finish(one, claimed, 'both'), { code: 'TF_CLAIM_LOST' })
      await finish(two, again, 'first')
      await finish(one, claimed.slice(1), 'second')
      const { rows } = await database!.query<{ event: string }>('select event from effect where label = $1', [label])
      assert.deepEqual(rows.map(({ event }) => event).toSorted(), ['first', 'second'])
    },
  },
  {
    name: 'keeps one item of a key until it has begun, or until it is finished, or for a time',
    needs: ['deduplicates'],
    async run({ queue, join, claim, enqueueAs }) {
      const name = await queue()
      const worker = await join(name)
      for (const until of ['begun', 'finished', 60_000] as const) {
        const deduplicate = { key: `k ${until}`, until }
        const [first] = await enqueueAs(name, { deduplicate }, 'first')
        const [second] = await enqueueAs(name, { deduplicate }, 'second')
        assert.deepEqual([first?.isDuplicate, second], [false, { itemId: first!.itemId, isDuplicate: true }])
        const [item] = await claim(worker, 1)
        assert.equal(item?.itemId, first?.itemId)
        const [third] = await enqueueAs(name, { deduplicate }, 'third')
        assert.equal(third?.isDuplicate, until !== 'begun', `${until}, begun`)
        await worker.complete([item!])
        const [fourth] = await enqueueAs(name, { deduplicate }, 'fourth')
        assert.equal(fourth?.isDuplicate, until !== 'finished', `${until}, finished`)
        await worker.complete(await worker.claim(10))
      }
      const short = { deduplicate: { key: 'short', until: 1 } }
      await enqueueAs(name, short, 'one')
      await worker.complete(await claim(worker, 1))
      assert.equal((await enqueueAs(name, short, 'two'))[0]?.isDuplicate, false)
      await worker.complete(await claim(worker, 1))
      const both = await enqueueAs(name, { deduplicate: { key: 'both', until: 'begun' } }, 'x', 'y')
      assert.deepEqual(
        both.map(({ isDuplicate }) => isDuplicate),
        [false, true],
      )
      assert.deepEqual(payloadsOf(await claim(worker, 1)), ['x'])
    },
  },
  {
    name: 'begins an item only when those have committed who rely on it for their own',
    needs: ['deduplicates', 'enqueuesInTransaction', 'database'],
    async run({ queue, engine, database, join, claim, enqueueAs, enqueue }) {
      const name = await queue()
      const deduplicate = { key: 'k', until: 'begun' } as const
      await enqueueAs(name, { deduplicate }, 'first')
      const [found, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
      const relying = database!.transaction(async (transaction) => {
        const item = { itemId: uniqueId(), priority: 'normal', payload: 'second', deduplicate } as const
        const [second] = await engine.enqueue(name, [item], { transaction })
        assert.equal(second?.isDuplicate, true)
        found.resolve()
        await gate.promise
      })
      await found.promise
      const worker = await join(name)
      await enqueue(name, 'other')
      assert.deepEqual(payloadsOf(await claim(worker, 1)), ['other'])
      assert.deepEqual(await worker.claim(10), [])
      gate.resolve()
      await relying
      assert.deepEqual(payloadsOf(await claim(worker, 1)), ['first'])
    },
  },
  {
    name: 'has no more items under way than the queue may, over all workers',
    needs: ['limitsConcurrency'],
    async run({ queue, join, claim, enqueue }) {
      const name = await queue({ concurrency: 3 })
      await enqueue(name, ...Array.from({ length: 10 }, (_, n) => String(n)))
      const [one, two] = [await join(name), await join(name)]
      const claimed = await claim(one, 2)
      const [third] = await claim(two, 1)
      assert.deepEqual([...(await two.claim(10)), ...(await one.claim(10))], [])
      await two.complete([third!])
      assert.equal((await claim(one, 1)).length, 1)
      assert.deepEqual(await two.claim(10), [])
      await one.complete(claimed)
      assert.equal((await claim(two, 2)).length, 2)
      assert.deepEqual([...(await two.claim(10)), ...(await one.claim(10))], [])
    },
  },
  {
    name: 'has no more items of one key under way than the queue may, and goes on with others',
    needs: ['limitsKeys'],
    async run({ queue, join, claim, enqueueAs }) {
      const name = await queue({ concurrencyPerKey: 1 })
      await enqueueAs(name, { key: 'a' }, 'a1', 'a2', 'a3')
      await enqueueAs(name, { key: 'b' }, 'b1', 'b2')
      await enqueueAs(name, {}, 'x', 'y')
      const [one, two] = [await join(name), await join(name)]
      const first = await claim(one, 1)
      assert.deepEqual(payloadsOf(first), ['a1'])
      const rest = await claim(two, 3)
      assert.deepEqual(payloadsOf(rest).toSorted(), ['b1', 'x', 'y'])
      assert.deepEqual([...(await one.claim(10)), ...(await two.claim(10))], [])
      await two.complete(rest)
      assert.deepEqual(payloadsOf(await claim(one, 1)), ['b2'])
      // However an item ends, the next of its key may begin.
      await one.retry(first[0]!, { cause: 'later', attempts: 1, afterMs: 60_000 })
      const second = await claim(two, 1)
      assert.deepEqual(payloadsOf(second), ['a2'])
      await two.bury(second[0]!, { cause: 'no', attempts: 1 })
      const third = await claim(two, 1)
      assert.deepEqual(payloadsOf(third), ['a3'])
      await two.giveBack(third)
      assert.deepEqual(payloadsOf(await claim(one, 1)), ['a3'])
    },
  },
  {
    name: 'takes out an item that waits, and aborts one that is under way, which is not tried again',
    needs: ['cancels'],
    async run({ queue, engine, join, claim, enqueue, until }) {
      const name = await queue()
      const [waiting, running] = await enqueue(name, 'waiting', 'running')
      assert.equal(await engine.cancel(name, waiting!.itemId), 'cancelled')
      assert.equal(await engine.cancel(name, waiting!.itemId), 'gone')
      const worker = await join(name)
      const [item] = await claim(worker, 1)
      assert.equal(item?.payload, 'running')
      assert.equal(await engine.cancel(name, running!.itemId), 'cancelling')
      await until('it is aborted', () => item!.signal.aborted)
      assert.equal((item!.signal.reason as { code?: string }).code, 'TF_ITEM_CANCELLED')
      await worker.retry(item!, { cause: 'aborted', attempts: 1, afterMs: 0 })
      assert.deepEqual(await worker.claim(10), [])
      assert.equal(await engine.cancel(name, running!.itemId), 'gone')
    },
  },
  ...workerCases,
]
