import assert from 'node:assert/strict'
import type { StandardSchema } from '../../../src/blueprint/standard-schema.ts'
import type { Component } from '../../../src/core/component.ts'
import { uniqueId } from '../../../src/core/random.ts'
import type { ConsumerOptions } from '../../../src/topics/consumer.ts'
import { createConsumer } from '../../../src/topics/consumer.ts'
import type { ReceivedEvent } from '../../../src/topics/handler.ts'
import type { TopicDatabase, TopicTransaction } from '../../../src/topics/topic-database.ts'
import type { LogCapabilities, TopicLog } from '../../../src/topics/topic-log.ts'

/** What an engine under test brings along. */
export interface TopicsHarness {
  readonly log: TopicLog
  /** A new topic. Where groups get only what is published after they were made: with the groups `group`, `a` and `b`. */
  topic(partitions?: number): Promise<string>
  /** The database that holds the log, with an empty table `effect (event text, label text)`. */
  readonly database?: TopicDatabase
  /** Another one, with the same table. */
  readonly elsewhere?: TopicDatabase
  /** Waits until a condition holds, or fails. */
  until(what: string, holds: () => boolean | Promise<boolean>): Promise<void>
}

/** What a case needs of the engine, or of the harness. */
export type Need = keyof LogCapabilities | 'database' | 'elsewhere'

/** A case of the suite: data, so that every runner can run it. */
export interface TopicsCase {
  /** A sentence in the present tense. */
  readonly name: string
  readonly needs: readonly Need[]
  run(bed: CaseBed): Promise<void>
}

/** What a case is given. */
export interface CaseBed extends TopicsHarness {
  publish(topic: string, ...events: readonly { key?: string; value: unknown }[]): Promise<void>
  /** A consumer that is stopped after the case. */
  consume<Transaction extends TopicTransaction | undefined = undefined>(
    options: Omit<ConsumerOptions<string, Transaction>, 'log' | 'group'> & { group?: string },
  ): Promise<Component>
}

/** Why a case can't be run on an engine; undefined: it can. */
export function missingNeed({ needs }: TopicsCase, harness: TopicsHarness): string | undefined {
  const isThere = (need: Need): boolean =>
    need === 'database' || need === 'elsewhere' ? harness[need] !== undefined : harness.log.capabilities[need]
  return needs.find((need) => !isThere(need))
}

/** Runs a case and ends what it has begun. */
export async function runTopicsCase({ run }: TopicsCase, harness: TopicsHarness): Promise<void> {
  const consumers: Component[] = []
  try {
    await run({
      ...harness,
      publish: (topic, ...events) =>
        harness.log.publish(
          topic,
          events.map(({ key, value }) => ({ messageId: uniqueId(), key, payload: JSON.stringify(value) })),
        ),
      async consume(options) {
        const consumer = createConsumer({ log: harness.log, group: 'group', ...options })
        consumers.push(consumer)
        await consumer.start()
        return consumer
      },
    })
  } finally {
    await Promise.all(consumers.map((consumer) => consumer.stop()))
  }
}

const soon = { attempts: 3, pause: '1ms' } as const
const valuesOf = (events: readonly ReceivedEvent<string>[]): readonly string[] => events.map(({ value }) => value)
/** Gives others a turn, as a handler that waits for something does. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** What every log and consumer have to do, whatever the engine. */
export const topicsCases: readonly TopicsCase[] = [
  {
    name: 'delivers every event to each group, with its key and headers',
    needs: [],
    async run({ topic, log, consume, until }) {
      const name = await topic(3)
      const seen: Record<string, ReceivedEvent<string>[]> = { a: [], b: [] }
      const messageId = uniqueId()
      await log.publish(name, [{ messageId, key: 'k', payload: '"one"', headers: { traceparent: 'x' } }])
      for (const group of ['a', 'b']) {
        await consume({ topic: name, group, handler: { each: async (event) => void seen[group]!.push(event) } })
      }
      await log.publish(name, [{ messageId: uniqueId(), payload: '"two"' }])
      await until('both groups have both', () => seen['a']!.length === 2 && seen['b']!.length === 2)
      const first = seen['a']!.find(({ value }) => value === 'one')
      assert.deepEqual(
        [first?.messageId, first?.key, first?.headers, first?.attempt],
        [messageId, 'k', { traceparent: 'x' }, 1],
      )
    },
  },
  {
    name: 'keeps the order of each key, and works on keys side by side',
    needs: ['keepsOrderPerKey'],
    async run({ topic, publish, consume, until }) {
      const name = await topic(2)
      const keys = ['a', 'b', 'c', 'd', 'e', 'f']
      for (let n = 0; n < 30; n++) await publish(name, ...keys.map((key) => ({ key, value: `${key}${n}` })))
      const seen = new Map<string, string[]>(keys.map((key) => [key, []]))
      let atOnce = 0
      let atOnceMost = 0
      await consume({
        topic: name,
        concurrency: 4,
        handler: {
          async each({ key, value }) {
            atOnceMost = Math.max(atOnceMost, ++atOnce)
            for (let n = 0; n < 5; n++) await turn()
            seen.get(key!)!.push(value)
            atOnce--
          },
        },
      })
      await until('all are there', () => [...seen.values()].every((values) => values.length === 30))
      for (const [key, values] of seen)
        assert.deepEqual(
          values,
          Array.from({ length: 30 }, (_, n) => `${key}${n}`),
        )
      assert.equal(atOnceMost, 4)
    },
  },
  {
    name: 'loses nothing when members come and go',
    needs: [],
    async run({ topic, publish, consume, until }) {
      const name = await topic(4)
      const seen = new Set<string>()
      const options = {
        topic: name,
        handler: {
          async each({ value }: ReceivedEvent<string>): Promise<void> {
            await turn()
            seen.add(value)
          },
        },
      }
      let count = 0
      const some = (): Promise<void> =>
        publish(name, ...Array.from({ length: 50 }, () => ({ key: `k${count % 9}`, value: String(count++) })))
      await some()
      const first = await consume(options)
      await some()
      await consume(options)
      await some()
      await first.stop()
      await some()
      await until('all are there', () => seen.size === 200)
    },
  },
  {
    name: 'tries an event again when the handler throws, and the next of its key only after it',
    needs: ['keepsOrderPerKey'],
    async run({ topic, publish, consume, until }) {
      const name = await topic()
      await publish(name, { key: 'a', value: 'bad' }, { key: 'a', value: 'good' })
      const tries: string[] = []
      await consume({
        topic: name,
        retry: soon,
        handler: {
          async each({ value, attempt }) {
            tries.push(`${value} ${attempt}`)
            if (value === 'bad' && attempt < 3) throw new Error('not yet')
          },
        },
      })
      await until('all are there', () => tries.length === 4)
      assert.deepEqual(tries, ['bad 1', 'bad 2', 'bad 3', 'good 1'])
    },
  },
  {
    name: 'puts an event aside that fails for ever, with its cause, and handles it when it is asked to',
    needs: [],
    async run({ topic, log, publish, consume, until }) {
      const name = await topic()
      await publish(name, { key: 'a', value: 'bad' }, { key: 'a', value: 'good' })
      const seen: string[] = []
      let isMended = false
      const handler = {
        async each({ value }: ReceivedEvent<string>): Promise<void> {
          if (value === 'bad' && !isMended) throw new Error('no such user')
          seen.push(value)
        },
      }
      await consume({ topic: name, retry: soon, handler })
      await until('the other is there', () => seen.length === 1)
      const letters = await log.deadLetters(name, 'group')
      const listed = await letters.list()
      assert.deepEqual(
        listed.map(({ payload, state, attempts, cause, key }) => ({ payload, state, attempts, cause, key })),
        [{ payload: '"bad"', state: 'dead', attempts: 3, cause: 'no such user', key: 'a' }],
      )
      assert.equal(await letters.redrive(), 1)
      await until('it has failed again', async () => (await letters.list())[0]?.attempts === 6)
      isMended = true
      assert.equal(await letters.redrive({ messageIds: [listed[0]!.messageId] }), 1)
      await until('it is handled', () => seen.length === 2)
      await until('it is no letter any more', async () => (await letters.list()).length === 0)
    },
  },
  {
    name: 'blocks the key of an event that fails for ever, keeps its order, and goes on with other keys',
    needs: ['keepsOrderPerKey', 'blocksKeys'],
    async run({ topic, log, publish, consume, until }) {
      const name = await topic()
      const seen: string[] = []
      let isMended = false
      const options = {
        topic: name,
        retry: { ...soon, onFailure: 'block-key' as const },
        handler: {
          async each({ value }: ReceivedEvent<string>): Promise<void> {
            if (value === 'a2' && !isMended) throw new Error('no')
            seen.push(value)
          },
        },
      }
      const first = await consume(options)
      await publish(name, ...['a1', 'a2', 'a3', 'b1', 'a4'].map((value) => ({ key: value[0]!, value })))
      const letters = await log.deadLetters(name, 'group')
      await until('the rest waits', async () => (await letters.list()).length === 3)
      // Whoever has the partition next knows it, too.
      await first.stop()
      await consume(options)
      await publish(name, { key: 'a', value: 'a5' }, { key: 'b', value: 'b2' })
      await until('the other key has gone on', () => seen.includes('b2'))
      await until('the next waits, too', async () => (await letters.list()).length === 4)
      assert.deepEqual(
        (await letters.list()).map(({ state }) => state),
        ['dead', 'waiting', 'waiting', 'waiting'],
      )
      isMended = true
      await letters.redrive({ key: 'a' })
      await until('nothing waits any more', async () => (await letters.list()).length === 0)
      await publish(name, { key: 'a', value: 'a6' })
      await until('the key goes on', () => seen.includes('a6'))
      const ofKey = seen.filter((value) => value.startsWith('a'))
      assert.deepEqual(ofKey, ['a1', 'a2', 'a3', 'a4', 'a5', 'a6'])
    },
  },
  {
    name: 'leaves out what fails for ever if that is wanted',
    needs: [],
    async run({ topic, log, publish, consume, until }) {
      const name = await topic()
      await publish(name, { key: 'a', value: 'bad' }, { key: 'a', value: 'good' })
      const seen: string[] = []
      await consume({
        topic: name,
        retry: { ...soon, onFailure: 'skip' },
        handler: {
          async each({ value }) {
            if (value === 'bad') throw new Error('no')
            seen.push(value)
          },
        },
      })
      await until('the other is there', () => seen.length === 1)
      assert.deepEqual(await (await log.deadLetters(name, 'group')).list(), [])
    },
  },
  {
    name: 'puts aside what the schema does not know, without calling the handler',
    needs: [],
    async run({ topic, log, publish, consume, until }) {
      const name = await topic()
      await publish(name, { value: 7 }, { value: 'text' })
      const seen: string[] = []
      const isText = (value: unknown): unknown =>
        typeof value === 'string' ? { value } : { issues: [{ message: 'expected text' }] }
      const schema: StandardSchema<string> = { '~standard': { version: 1, vendor: 'test', validate: isText } }
      await consume({ topic: name, schema, handler: { each: async ({ value }) => void seen.push(value) } })
      const letters = await log.deadLetters(name, 'group')
      await until('one is put aside', async () => (await letters.list()).length === 1)
      await until('the other is there', () => seen.length === 1)
      assert.match((await letters.list())[0]!.cause, /expected text/)
      assert.equal((await letters.list())[0]!.attempts, 1)
    },
  },
  {
    name: 'hands out batches in order, and finds the bad event in one',
    needs: ['keepsOrderPerKey'],
    async run({ topic, log, publish, consume, until }) {
      const name = await topic()
      const values = Array.from({ length: 25 }, (_, n) => String(n))
      await publish(name, ...values.map((value) => ({ key: 'a', value })))
      const seen: string[] = []
      let largest = 0
      await consume({
        topic: name,
        batchMax: 10,
        retry: soon,
        handler: {
          async batch(events) {
            largest = Math.max(largest, events.length)
            if (events.some(({ value }) => value === '13')) throw new Error('unlucky')
            seen.push(...valuesOf(events))
          },
        },
      })
      await until('all but one are there', () => seen.length === 24)
      assert.deepEqual(
        seen,
        values.filter((value) => value !== '13'),
      )
      assert.equal(largest, 10)
      assert.equal((await (await log.deadLetters(name, 'group')).list()).length, 1)
    },
  },
  {
    name: 'begins no more than it may have in flight',
    needs: [],
    async run({ topic, publish, consume, until }) {
      const name = await topic()
      await publish(name, ...Array.from({ length: 60 }, (_, n) => ({ value: String(n) })))
      const gate = Promise.withResolvers<void>()
      let begun = 0
      await consume({
        topic: name,
        concurrency: 100,
        inFlightMax: 20,
        handler: {
          async each() {
            begun++
            await gate.promise
          },
        },
      })
      await until('it is full', () => begun === 20)
      for (let n = 0; n < 20; n++) await turn()
      assert.equal(begun, 20)
      gate.resolve()
      await until('all are there', () => begun === 60)
    },
  },
  {
    name: 'publishes with a transaction, or nothing if that is rolled back',
    needs: ['publishesInTransaction', 'database'],
    async run({ topic, log, database, consume, until }) {
      const name = await topic()
      const seen: string[] = []
      await consume({ topic: name, handler: { each: async ({ value }) => void seen.push(value) } })
      const event = (value: string) => [{ messageId: uniqueId(), payload: JSON.stringify(value) }]
      const failed = database!.transaction(async (transaction) => {
        await log.publish(name, event('never'), { transaction })
        throw new Error('rolled back')
      })
      await assert.rejects(failed, /rolled back/)
      await database!.transaction((transaction) => log.publish(name, event('once'), { transaction }))
      await until('it is there', () => seen.length > 0)
      assert.deepEqual(seen, ['once'])
    },
  },
  ...(['each', 'batch'] as const).flatMap((kind) =>
    (['database', 'elsewhere'] as const).map((place): TopicsCase => {
      const where = place === 'database' ? 'the database of the log' : 'another database'
      return {
        name: `has the effects of each event once in ${where}, ${kind === 'each' ? 'one by one' : 'in batches'}, though tries fail and members leave`,
        needs: place === 'database' ? ['database', 'commitsInTransaction'] : ['elsewhere'],
        run: (bed) => effectsOnce(bed, kind, bed[place]!),
      }
    }),
  ),
  {
    name: 'has effects once in the database of the log when the next member works in batches',
    needs: ['database', 'commitsInTransaction'],
    async run({ topic, publish, consume, until, database }) {
      const name = await topic(1)
      const label = uniqueId()
      const effect = ({ value }: ReceivedEvent<string>, transaction: TopicTransaction) =>
        transaction.query('insert into effect values ($1, $2)', [value, label])
      const read = async (): Promise<readonly string[]> =>
        (
          await database!.query<{ event: string }>('select event from effect where label = $1 order by 1', [label])
        ).rows.map(({ event }) => event)
      const first = await consume<TopicTransaction>({
        topic: name,
        effects: database!,
        handler: {
          // Progress stays before the one that hangs, whatever is done behind it.
          async each(event, { transaction, signal }) {
            if (event.value !== 'hangs') await effect(event, transaction)
            else await new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('too late'))))
          },
        },
      })
      const values = ['hangs', 'one', 'three', 'two']
      await publish(name, ...values.map((value) => ({ key: value, value })))
      await until('the others are done', async () => (await read()).length === 3)
      await first.stop(10)
      await consume<TopicTransaction>({
        topic: name,
        effects: database!,
        handler: {
          async batch(events, { transaction }) {
            for (const event of events) await effect(event, transaction)
          },
        },
      })
      await until('all effects are there', async () => new Set(await read()).size === values.length)
      assert.deepEqual(await read(), values)
    },
  },
  {
    name: 'goes back to the beginning when it is told to, while members are at work',
    needs: ['canReplay'],
    async run({ topic, log, publish, consume, until }) {
      const name = await topic(2)
      const seen: string[] = []
      await publish(name, { key: 'a', value: 'a' }, { key: 'b', value: 'b' })
      await consume({ topic: name, handler: { each: async ({ value }) => void seen.push(value) } })
      await until('both are there', () => seen.length === 2)
      await log.moveGroup(name, 'group', 'beginning')
      await until('both are there again', () => seen.length === 4)
      assert.deepEqual(seen.slice(2).toSorted(), ['a', 'b'])
    },
  },
]

async function effectsOnce(
  { topic, publish, consume, until }: CaseBed,
  kind: 'each' | 'batch',
  database: TopicDatabase,
): Promise<void> {
  const name = await topic(3)
  const label = uniqueId()
  let calls = 0
  async function work(events: readonly ReceivedEvent<string>[], transaction: TopicTransaction): Promise<void> {
    for (const { value } of events) await transaction.query('insert into effect values ($1, $2)', [value, label])
    // After the effect, so that it has to be taken back.
    if (++calls % 7 === 0) throw new Error('now and then')
  }
  const options = {
    topic: name,
    batchMax: 5,
    effects: database,
    retry: { attempts: 20, pause: '1ms' },
    handler:
      kind === 'each'
        ? {
            each: (event: ReceivedEvent<string>, { transaction }: { transaction: TopicTransaction }) =>
              work([event], transaction),
          }
        : {
            batch: (events: readonly ReceivedEvent<string>[], { transaction }: { transaction: TopicTransaction }) =>
              work(events, transaction),
          },
  } as const
  const first = await consume<TopicTransaction>(options)
  await publish(name, ...Array.from({ length: 60 }, (_, n) => ({ key: `k${n % 7}`, value: String(n) })))
  await consume<TopicTransaction>(options)
  await publish(name, ...Array.from({ length: 60 }, (_, n) => ({ key: `k${n % 7}`, value: String(60 + n) })))
  await first.stop()
  const read = async (): Promise<readonly string[]> =>
    (await database.query<{ event: string }>('select event from effect where label = $1', [label])).rows.map(
      ({ event }) => event,
    )
  await until('all effects are there', async () => new Set(await read()).size === 120)
  const effects = await read()
  assert.deepEqual(
    effects.map(Number).sort((a, b) => a - b),
    Array.from({ length: 120 }, (_, n) => n),
  )
}
