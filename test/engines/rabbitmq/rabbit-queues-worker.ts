import { sleep, systemClock } from '../../../src/core/clock.ts'
import type { Component } from '../../../src/core/component.ts'
import { uniqueId } from '../../../src/core/random.ts'
import { PRIORITIES } from '../../../src/queues/queue-engine.ts'
import { createRabbitQueues } from '../../../src/queues/queues/rabbitmq/rabbit-queues.ts'
import { createWorker } from '../../../src/queues/worker.ts'
import { connectDatabase } from '../../../src/sql/database.ts'
import type { Transaction } from '../../../src/sql/transaction.ts'

/** What a process is told, as JSON in its first argument. */
export interface RabbitQueuesOrder {
  readonly role: 'producer' | 'worker' | 'storm'
  readonly rabbitUrl: string
  /** Database of what was put in, and of the effects. */
  readonly url: string
  readonly queue: string
  /** Every so many items one is poison; processes die of the second of them. */
  readonly poisonEvery: number
}

interface Payload {
  readonly number: number
  readonly dueEpochMs: number
  readonly poison?: 'throws' | 'kills'
}

/** A process that does one part of the work until it is killed, or told to end by SIGTERM. */
async function work({ role, rabbitUrl, url, queue, poisonEvery }: RabbitQueuesOrder): Promise<void> {
  const database = connectDatabase({ url, connectionsMax: 8 })
  const engine = createRabbitQueues(rabbitUrl, { queues: [queue], lease: '3s', confirm: '3s' })
  const ended = new AbortController()
  process.once('SIGTERM', () => ended.abort())
  // The test has died.
  process.stdin.once('end', () => process.exit(1)).resume()

  /** What is not confirmed is put in again, with its old id. */
  async function putIn(itemId: string, number: number): Promise<void> {
    const delayMs = number % 5 === 0 ? 300 : 0
    const dueEpochMs = systemClock.epochMs() + delayMs
    const poison =
      number % poisonEvery !== 0 ? {} : ({ poison: number === 2 * poisonEvery ? 'kills' : 'throws' } as const)
    const payload = JSON.stringify({ number, dueEpochMs, ...poison } satisfies Payload)
    while (!ended.signal.aborted) {
      try {
        const priority = PRIORITIES[number % 4]!
        await engine.enqueue(queue, [{ itemId, payload, priority, notBefore: { epochMs: dueEpochMs } }])
        await database.query('update item set is_acknowledged = true where number = $1', [number])
        return
      } catch {
        await sleep(systemClock, 100)
      }
    }
  }
  async function produce(): Promise<void> {
    while (!ended.signal.aborted) {
      const itemId = uniqueId()
      const { rows } = await database.query<{ number: number }>('insert into item (id) values ($1) returning number', [
        itemId,
      ])
      await putIn(itemId, rows[0]!.number)
      await sleep(systemClock, 5)
    }
  }
  const makeWorker = (): Component =>
    createWorker<Payload, Transaction<unknown>>({
      engine,
      queue,
      concurrency: 4,
      effects: database,
      // More than what is harmless is likely to lose by the death of others.
      retry: { attempts: 10, pause: '20ms', pauseMax: '200ms' },
      handler: {
        async each({ value }, { transaction }) {
          if (value.poison === 'throws') throw new Error('poison')
          if (value.poison === 'kills') process.kill(process.pid, 'SIGKILL')
          const earlyMs = Math.max(0, value.dueEpochMs - systemClock.epochMs())
          await transaction.query('insert into effect values ($1, $2)', [value.number, earlyMs])
          await sleep(systemClock, 2)
        },
      },
    })
  /** The broker may be down. */
  async function begin(): Promise<Component> {
    for (;;) {
      const worker = makeWorker()
      try {
        await worker.start()
        return worker
      } catch {
        await sleep(systemClock, 200)
      }
    }
  }
  if (role === 'producer') await Promise.all([produce(), produce(), produce()])
  else if (role === 'storm') {
    while (!ended.signal.aborted) {
      const worker = await begin()
      await sleep(systemClock, 150)
      await worker.stop(50)
    }
  } else {
    const worker = await begin()
    await new Promise<void>((resolve) => ended.signal.addEventListener('abort', () => resolve()))
    await worker.stop()
  }
  process.exit(0)
}

await work(JSON.parse(process.argv[2] ?? '{}') as RabbitQueuesOrder)
