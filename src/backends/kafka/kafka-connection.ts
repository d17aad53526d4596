import { createRequire } from 'node:module'
import type { Base, Producer } from '@platformatic/kafka'
import type { Clock } from '../../core/clock.ts'
import { sleep, systemClock } from '../../core/clock.ts'
import { hasCode, TenfoldError } from '../../core/errors.ts'
import { parseKafkaUrl } from './kafka-address.ts'
import { kafkaFailure, kafkaReason, UNKNOWN_TOPIC } from './kafka-failure.ts'

/*
 * Requests to Kafka, through the protocol layer of @platformatic/kafka: connections, versions, encoding, and its
 * idempotent producer. Its consumer is not used: it hands partitions over while work on them is under way, and commits
 * again under the next generation what the last one refused. Who may do what is the business of `topics/logs/kafka`.
 */

/** A cluster of Kafka, as one process talks to it. */
export interface KafkaConnection {
  /** Who leads each partition of a topic, at most a few seconds old unless `isFresh`; undefined: there is no such topic. */
  topic(name: string, options?: { isFresh?: boolean }): Promise<KafkaTopic | undefined>
  countBrokers(): Promise<number>
  /** @returns false: there is a topic of this name already */
  createTopic(topic: NewKafkaTopic): Promise<boolean>
  /**
   * Adds messages in their order, those of one partition all or none; resolves when all replicas in sync have them. Tried
   * again for some seconds while the cluster is in trouble, without adding any twice.
   */
  produce(messages: readonly NewKafkaMessage[]): Promise<void>
  /** Asks the broker that coordinates a group. */
  askCoordinator<Response>(group: string, api: string, ...args: readonly unknown[]): Promise<Response>
  /** Does again what fails because somebody is being chosen, for ten seconds at most. */
  persist<Result>(work: (isAgain: boolean) => Promise<Result>): Promise<Result>
  /** Asks a broker by its id, which is that of a leader. */
  askBroker<Response>(node: number, api: string, ...args: readonly unknown[]): Promise<Response>
  /** The same cluster over connections of its own, for requests that wait: a broker answers one after the other. */
  aside(): KafkaConnection
  /** What is under way fails. Safe to call twice. */
  end(): Promise<void>
}

export interface KafkaTopic {
  readonly id: string
  /** Broker that leads each partition; -1: none at present. */
  readonly leaders: readonly number[]
}

export interface NewKafkaTopic {
  readonly name: string
  readonly partitions: number
  readonly replicas: number
  readonly settings: Readonly<Record<string, string>>
}

export interface NewKafkaMessage {
  readonly topic: string
  readonly partition: number
  readonly key: Buffer | undefined
  readonly value: Buffer
  readonly headers: ReadonlyMap<Buffer, Buffer>
  readonly timestamp: bigint
}

type Module = typeof import('@platformatic/kafka')

const CLIENT = { clientId: 'tenfold', connectTimeout: 5_000, requestTimeout: 15_000 }
/** Together about 20 seconds: a leader that dies is replaced within them, a broker that starts again is there. */
const PRODUCE_TRIES = 12
const PRODUCE_PAUSE_MS = { first: 100, most: 2_500 }

/**
 * Nothing is sent before the first request.
 *
 * @throws TF_PEER_MISSING the client is not installed
 * @throws TF_OPTION_INVALID
 */
export function connectKafka(url: string, { clock = systemClock }: { clock?: Clock } = {}): KafkaConnection {
  const { brokers, isEncrypted, login } = parseKafkaUrl(url)
  return new Connection(loadClient(), clock, {
    ...CLIENT,
    bootstrapBrokers: [...brokers],
    ...(isEncrypted ? { tls: {}, tlsServerName: true } : {}),
    ...(login === undefined ? {} : { sasl: login }),
  })
}

type Settings = ConstructorParameters<Module['Base']>[0]

class Connection implements KafkaConnection {
  readonly #module: Module
  readonly #clock: Clock
  readonly #settings: Settings
  readonly #base: Base
  readonly #coordinators = new Map<string, number>()
  #producer: Producer | undefined

  constructor(module: Module, clock: Clock, settings: Settings) {
    this.#module = module
    this.#clock = clock
    this.#settings = settings
    this.#base = new module.Base({ ...settings, retries: 1, retryDelay: 200 })
  }

  async topic(name: string, { isFresh = false } = {}): Promise<KafkaTopic | undefined> {
    try {
      const { topics } = await this.#try(() => this.#base.metadata({ topics: [name], forceUpdate: isFresh }))
      const found = topics.get(name)
      return found === undefined ? undefined : { id: found.id, leaders: found.partitions.map(({ leader }) => leader) }
    } catch (error) {
      if (kafkaReason(error) === UNKNOWN_TOPIC) return undefined
      throw error
    }
  }

  async countBrokers(): Promise<number> {
    return (await this.#try(() => this.#base.metadata({ topics: [], forceUpdate: true }))).brokers.size
  }

  async createTopic({ name, partitions, replicas, settings }: NewKafkaTopic): Promise<boolean> {
    const configs = Object.entries(settings).map(([key, value]) => ({ name: key, value }))
    const { controllerId } = await this.#try(() => this.#base.metadata({ topics: [], forceUpdate: true }))
    const topic = { name, numPartitions: partitions, replicationFactor: replicas, assignments: [], configs }
    try {
      await this.askBroker(controllerId, 'CreateTopics', [topic], CLIENT.requestTimeout, false)
      return true
    } catch (error) {
      if (kafkaReason(error) === 'TOPIC_ALREADY_EXISTS') return false
      throw error
    }
  }

  async produce(messages: readonly NewKafkaMessage[]): Promise<void> {
    this.#producer ??= new this.#module.Producer({
      ...this.#settings,
      idempotent: true,
      acks: this.#module.ProduceAcks.ALL,
      retries: PRODUCE_TRIES,
      retryDelay: (_client, _operation, attempt) =>
        Math.min(PRODUCE_PAUSE_MS.most, PRODUCE_PAUSE_MS.first * 2 ** (attempt - 1)),
    })
    const producer = this.#producer
    await this.#try(() =>
      producer.send({
        messages: messages.map((message) => ({ ...message, headers: new Map(message.headers) })) as never,
      }),
    )
  }

  async askCoordinator<Response>(group: string, api: string, ...args: readonly unknown[]): Promise<Response> {
    return this.persist(async () => {
      try {
        const node = this.#coordinators.get(group) ?? (await this.#findCoordinator(group))
        return await this.askBroker<Response>(node, api, ...args)
      } catch (error) {
        if (hasCode(error, 'TF_BROKER_UNREACHABLE')) this.#coordinators.delete(group)
        throw error
      }
    })
  }

  async persist<Result>(work: (isAgain: boolean) => Promise<Result>): Promise<Result> {
    for (let tries = 1; ; tries++) {
      try {
        return await work(tries > 1)
      } catch (error) {
        if (!CHOOSING.has(kafkaReason(error) ?? '') || tries === CHOOSING_TRIES) throw error
        await sleep(this.#clock, CHOOSING_PAUSE_MS)
      }
    }
  }

  askBroker<Response>(node: number, api: string, ...args: readonly unknown[]): Promise<Response> {
    return this.#try(async () => {
      const { brokers } = await this.#base.metadata({ topics: [] })
      const broker = brokers.get(node)
      if (broker !== undefined)
        return this.#ask<Response>((call) => this.#base[this.#module.kGetConnection](broker, call), api, args)
      // What names it was newer than what we know.
      this.#base.clearMetadata()
      throw new TenfoldError('TF_BROKER_UNREACHABLE', `expected broker ${node} to be one of the cluster`, {
        details: { reason: 'LEADER_NOT_AVAILABLE' },
      })
    })
  }

  aside(): KafkaConnection {
    return new Connection(this.#module, this.#clock, this.#settings)
  }

  async end(): Promise<void> {
    const ended = [this.#base, this.#producer].filter((client) => client?.closed === false)
    await Promise.allSettled(ended.map((client) => client?.close()))
  }

  async #findCoordinator(group: string): Promise<number> {
    const { coordinators } = await this.#try(() =>
      this.#ask<{ coordinators: readonly { nodeId: number }[] }>(
        (call) => this.#base[this.#module.kGetBootstrapConnection](call),
        'FindCoordinator',
        [GROUP_COORDINATOR, [group]],
      ),
    )
    const node = coordinators[0]?.nodeId ?? -1
    this.#coordinators.set(group, node)
    return node
  }

  async #ask<Response>(connect: (call: Callback) => void, name: string, args: readonly unknown[]): Promise<Response> {
    const connection = await promised(connect)
    const api = await promised((call) => this.#base[this.#module.kGetApi](name, call as never))
    return (api as { async(...all: unknown[]): Promise<Response> }).async(connection, ...args)
  }

  async #try<Result>(work: () => Promise<Result>): Promise<Result> {
    try {
      return await work()
    } catch (error) {
      throw kafkaFailure(this.#module, error)
    }
  }
}

type Callback = (error: Error | null, result?: unknown) => void

const GROUP_COORDINATOR = 0

/** Who coordinates a group or leads a partition is being decided; in a new cluster that takes some seconds. */
const CHOOSING: ReadonlySet<string> = new Set([
  'COORDINATOR_LOAD_IN_PROGRESS',
  'COORDINATOR_NOT_AVAILABLE',
  'LEADER_NOT_AVAILABLE',
  'NOT_COORDINATOR',
  'NOT_LEADER_OR_FOLLOWER',
])
const CHOOSING_TRIES = 20
const CHOOSING_PAUSE_MS = 500

function promised(begin: (call: Callback) => void): Promise<unknown> {
  return new Promise((resolve, reject) => begin((error, result) => (error === null ? resolve(result) : reject(error))))
}

/** @throws TF_PEER_MISSING the client is not installed */
export function requireKafkaClient(): void {
  loadClient()
}

let loaded: Module | undefined

/** Late: a system without Kafka does not pay for its client. */
function loadClient(): Module {
  if (loaded !== undefined) return loaded
  try {
    loaded = createRequire(import.meta.url)('@platformatic/kafka') as Module
    return loaded
  } catch (cause) {
    throw new TenfoldError('TF_PEER_MISSING', 'expected the package @platformatic/kafka to be installed', {
      hint: 'run "npm install @platformatic/kafka"; it needs Node 22.22, 24.6 or later',
      details: { package: '@platformatic/kafka' },
      cause,
    })
  }
}
