import { readFileSync } from 'node:fs'
import { sleep, systemClock } from '../../../src/core/clock.ts'
import type { Component } from '../../../src/core/component.ts'
import type { DatabaseConnection } from '../../../src/sql/database.ts'
import { connectDatabase } from '../../../src/sql/database.ts'
import type { Transaction } from '../../../src/sql/transaction.ts'
import { createConsumer } from '../../../src/topics/consumer.ts'
import type { ReceivedEvent } from '../../../src/topics/handler.ts'
import { createKafkaLog } from '../../../src/topics/logs/kafka/kafka-log.ts'
import { createMovingLog, createMovingRelay } from '../../../src/topics/logs/moving-log.ts'
import { createPostgresLog } from '../../../src/topics/logs/postgres/postgres-log.ts'
import { createRabbitLog } from '../../../src/topics/logs/rabbitmq/rabbit-log.ts'
import { createRelay } from '../../../src/topics/outbox-relay.ts'
import { createPublisher } from '../../../src/topics/publisher.ts'
import type { TopicLog } from '../../../src/topics/topic-log.ts'

/** What a worker is told, as JSON in its first argument. */
export interface WorkerOrder {
  /** `old-consumer`: one that knows nothing of the move of the log. */
  readonly role: 'producer' | 'relay' | 'consumer' | 'old-consumer' | 'naive'
  /** Holds `WorkerAddresses`; read again when a database can't be reached. */
  readonly addressFile: string
  /** Of RabbitMQ, where that has the log; the group `batch` has its effects where the log would be. */
  readonly rabbitUrl?: string
  /** The same for Kafka, unless the log moves there while they work. */
  readonly kafka?: { readonly url: string; readonly sessionMs: number; readonly isMoving?: boolean }
  readonly topic: string
  readonly users: number
}

export interface WorkerAddresses {
  /** Database of those who publish, with an outbox. */
  readonly shop: string
  /** Database of the log, which also has the effects of the group `batch`. */
  readonly log: string
  /** Database of the effects of all others. */
  readonly effects: string
}

export interface UserChanged {
  readonly user: string
  readonly version: number
}

export const PARTITIONS = 4

/** Groups that must have each effect once, and those of consumers that are wrong on purpose. */
export const GROUPS = { sound: ['each', 'batch'], naive: ['early', 'late'] } as const

/** A process that does one part of the work until it is killed, or told to end by SIGTERM. */
async function work(order: WorkerOrder): Promise<void> {
  const { role, addressFile, topic, users } = order
  const addresses = (): WorkerAddresses => JSON.parse(readFileSync(addressFile, 'utf8')) as WorkerAddresses
  const connect = (name: keyof WorkerAddresses, connectionsMax: number): DatabaseConnection => {
    const database: DatabaseConnection = connectDatabase(
      { url: addresses()[name], connectionsMax },
      { refresh: async () => database.moveTo({ url: addresses()[name], connectionsMax }) },
    )
    return database
  }
  const shop = connect('shop', 6)
  const central = connect('log', 10)
  const effects = connect('effects', 6)
  const outbox = createPostgresLog(shop, { lease: '1s' })
  const { log, relays } = openLog(order, { outbox, central })
  const ended = new AbortController()
  process.once('SIGTERM', () => ended.abort())
  // Whoever has started it has died.
  process.stdin.once('end', () => process.exit(1)).resume()
  const components: Component[] = []
  if (role === 'relay') components.push(...relays)
  if (role === 'consumer' || role === 'old-consumer') {
    const shared = { log, topic, batchMax: 20 }
    components.push(
      createConsumer<UserChanged, Transaction<unknown>>({
        ...shared,
        group: 'each',
        effects,
        handler: { each: (event, { transaction }) => write(transaction, 'each', [event]) },
      }),
      createConsumer<UserChanged, Transaction<unknown>>({
        ...shared,
        group: 'batch',
        effects: central,
        handler: { batch: (events, { transaction }) => write(transaction, 'batch', events) },
      }),
    )
  }
  if (role === 'naive') {
    components.push(
      commitsEarly(log, topic, effects),
      createConsumer<UserChanged>({
        log,
        topic,
        group: 'late',
        handler: { each: (event) => write(effects, 'late', [event]) },
      }),
    )
  }
  for (const component of components) {
    // A broker may be down just now.
    while (
      !(await component.start().then(
        () => true,
        () => false,
      ))
    )
      await sleep(systemClock, 200)
  }
  if (role === 'producer') {
    const publisher = createPublisher<UserChanged>({ log: outbox, topic, key: 'user' })
    const produce = async (first: number): Promise<void> => {
      for (let n = first; !ended.signal.aborted; n++) {
        await change(shop, publisher.publish, `user${n % users}`)
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

/** The log of the consumers, and what brings events there from the outbox. */
function openLog(
  { role, rabbitUrl, kafka: there, topic }: WorkerOrder,
  { outbox, central }: { readonly outbox: TopicLog; readonly central: DatabaseConnection },
): { readonly log: TopicLog; readonly relays: readonly Component[] } {
  if (rabbitUrl !== undefined) {
    const topics = { [topic]: { partitions: PARTITIONS, groups: GROUPS.sound } }
    const log = createRabbitLog(rabbitUrl, { lease: '3s', topics })
    return { log, relays: [createRelay({ outbox, log, topic })] }
  }
  const here = createPostgresLog(central, { lease: '1s' })
  const relay = createRelay({ outbox, log: here, database: central, topic })
  if (there === undefined || role === 'old-consumer') return { log: here, relays: [relay] }
  const kafka = createKafkaLog({ url: there.url, database: central, session: `${there.sessionMs}ms` })
  if (there.isMoving !== true) return { log: kafka, relays: [createRelay({ outbox, log: kafka, topic })] }
  const moving = { from: here, to: kafka, database: central }
  return { log: createMovingLog(moving), relays: [relay, createMovingRelay({ ...moving, topic })] }
}

/** Whether it took effect is in the tables, whatever the error says. */
async function change(
  shop: DatabaseConnection,
  publish: (event: UserChanged, options: { transaction: Transaction<unknown> }) => Promise<void>,
  user: string,
): Promise<void> {
  try {
    await shop.transaction(async (transaction) => {
      const { rows } = await transaction.query<{ version: number }>(
        'update account set version = version + 1 where id = $1 returning version',
        [user],
      )
      await publish({ user, version: rows[0]!.version }, { transaction })
    })
  } catch {
    await sleep(systemClock, 50)
  }
}

async function write(
  runner: Pick<DatabaseConnection, 'query'>,
  group: string,
  events: readonly Pick<ReceivedEvent<UserChanged>, 'value'>[],
): Promise<void> {
  for (const { value } of events) {
    await runner.query('insert into effect (kind, usr, version) values ($1, $2, $3)', [
      group,
      value.user,
      value.version,
    ])
  }
}

/** What many write by hand: the position first, then the effects. */
function commitsEarly(log: TopicLog, topic: string, effects: DatabaseConnection): Component {
  return {
    async start() {
      await log.join({
        topic,
        group: 'early',
        async run(claim) {
          while (!claim.ending.aborted && !claim.lost.aborted) {
            const events = await claim.read(20).catch(() => [])
            const last = events.at(-1)
            if (last === undefined) {
              await sleep(systemClock, 20)
              continue
            }
            await claim.commit(last.sequence).catch(() => undefined)
            for (const { payload } of events) {
              await write(effects, 'early', [{ value: JSON.parse(payload) as UserChanged }]).catch(() => undefined)
            }
          }
        },
      })
    },
    stop: () => Promise.resolve(),
  }
}

if (process.argv[2] !== undefined && import.meta.main) await work(JSON.parse(process.argv[2]) as WorkerOrder)
