import { sleep, systemClock } from '../../../src/core/clock.ts'
import type { Component } from '../../../src/core/component.ts'
import { connectDatabase } from '../../../src/sql/database.ts'
import type { Transaction } from '../../../src/sql/transaction.ts'
import { createConsumer } from '../../../src/topics/consumer.ts'
import type { ReceivedEvent } from '../../../src/topics/handler.ts'
import { createPostgresLog } from '../../../src/topics/logs/postgres/postgres-log.ts'
import { createRabbitLog } from '../../../src/topics/logs/rabbitmq/rabbit-log.ts'
import { createRelay } from '../../../src/topics/outbox-relay.ts'
import { createPublisher } from '../../../src/topics/publisher.ts'

/** What a worker is told, as JSON in its first argument. */
export interface WorkerOrder {
  readonly role: 'producer' | 'relay' | 'consumer'
  /** Database of those who publish. */
  readonly shopUrl: string
  /** Database of the log. */
  readonly logUrl: string
  /** Of RabbitMQ, where that has the log; effects are in the database then. */
  readonly rabbitUrl?: string
  readonly topic: string
  readonly users: number
}

export interface UserChanged {
  readonly user: string
  readonly version: number
}

const PARTITIONS = 4
const GROUPS = ['each', 'batch']

/** A process that does one part of the work until it is killed, or told to end by SIGTERM. */
async function work({ role, shopUrl, logUrl, rabbitUrl, topic, users }: WorkerOrder): Promise<void> {
  const shop = connectDatabase({ url: shopUrl, connectionsMax: 6 })
  const central = connectDatabase({ url: logUrl, connectionsMax: 10 })
  const outbox = createPostgresLog(shop, { lease: '1s' })
  const log =
    rabbitUrl === undefined
      ? createPostgresLog(central, { lease: '1s' })
      : createRabbitLog(rabbitUrl, { lease: '3s', topics: { [topic]: { partitions: PARTITIONS, groups: GROUPS } } })
  const ended = new AbortController()
  process.once('SIGTERM', () => ended.abort())
  // The test has died.
  process.stdin.once('end', () => process.exit(1)).resume()
  const components: Component[] = []
  if (role === 'relay')
    components.push(createRelay({ outbox, log, database: rabbitUrl === undefined ? central : undefined, topic }))
  if (role === 'consumer') {
    const write = async (group: string, events: readonly ReceivedEvent<UserChanged>[], tx: Transaction<unknown>) => {
      for (const { value } of events) {
        await tx.query('insert into effect (kind, usr, version) values ($1, $2, $3)', [
          group,
          value.user,
          value.version,
        ])
      }
    }
    const shared = { log, topic, effects: central, batchMax: 20 }
    components.push(
      createConsumer<UserChanged, Transaction<unknown>>({
        ...shared,
        group: 'each',
        handler: { each: (event, { transaction }) => write('each', [event], transaction) },
      }),
      createConsumer<UserChanged, Transaction<unknown>>({
        ...shared,
        group: 'batch',
        handler: { batch: (events, { transaction }) => write('batch', events, transaction) },
      }),
    )
  }
  for (const component of components) await component.start()
  if (role === 'producer') {
    const publisher = createPublisher<UserChanged>({ log: outbox, topic, key: 'user' })
    const produce = async (first: number): Promise<void> => {
      for (let n = first; !ended.signal.aborted; n++) {
        const user = `user${n % users}`
        await shop.transaction(async (transaction) => {
          const { rows } = await transaction.query<{ version: number }>(
            'update account set version = version + 1 where id = $1 returning version',
            [user],
          )
          await publisher.publish({ user, version: rows[0]!.version }, { transaction })
        })
        await sleep(systemClock, 5)
      }
    }
    await Promise.all([produce(0), produce(3)])
  }
  await new Promise<void>((resolve) =>
    ended.signal.aborted ? resolve() : ended.signal.addEventListener('abort', () => resolve()),
  )
  await Promise.all(components.map((component) => component.stop()))
  process.exit(0)
}

await work(JSON.parse(process.argv[2] ?? '{}') as WorkerOrder)
