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
import type { TopicDatabase } from '../../../src/topics/topic-database.ts'

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
    await Promise.all(workers.map((worker) => worker.leave()))
  }
}

const payloadsOf = (items: readonly ClaimedItem[]): readonly string[] => items.map(({ payload }) => payload)

/** What every engine has to do. */
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
]
