import type { Aim, Contender, Message } from '../topics/contender.ts'
import { NOT_INSTALLED, packageVersion } from './package-version.ts'

/** As much of it as is used here: the package may not be there when this is compiled. */
interface Classes {
  Queue: new (
    name: string,
    options: object,
  ) => {
    add(name: string, data: Message, options?: object): Promise<unknown>
    addBulk(jobs: readonly { name: string; data: Message; opts?: object }[]): Promise<unknown>
    close(): Promise<void>
  }
  Worker: new (
    name: string,
    work: (job: { data: Message }) => Promise<void>,
    options: object,
  ) => { on(event: 'error', handler: () => void): void; waitUntilReady(): Promise<unknown>; close(): Promise<void> }
}

interface BullMq extends Classes {
  withBackend(factory: unknown): Classes
  createPostgresBackend: unknown
}

const QUEUE = 'measured'
const DONE = { removeOnComplete: true }

/** On PostgreSQL, which it can since version 6. */
export const bullMqPostgres: Contender = {
  name: 'bullmq (PostgreSQL)',
  absence: NOT_INSTALLED,
  version: () => Promise.resolve(packageVersion('bullmq')),
  async open(url) {
    const bullmq = await load()
    return openQueue(bullmq.withBackend(bullmq.createPostgresBackend), {
      connectionString: url,
      max: 10,
      migrate: true,
    })
  },
}

/** On Redis; the URL is of a server of its own. */
export const bullMqRedis: Contender = {
  name: 'bullmq',
  absence: NOT_INSTALLED,
  // Without its client it can't even be closed.
  version: () => Promise.resolve(packageVersion('ioredis') && packageVersion('bullmq')),
  open: async (url) => openQueue(await load(), { url }),
}

async function load(): Promise<BullMq> {
  const name: string = 'bullmq'
  return (await import(name)) as BullMq
}

function openQueue({ Queue, Worker }: Classes, connection: object): ReturnType<Contender['open']> {
  const queue = new Queue(QUEUE, { connection })
  return Promise.resolve({
    async publish(messages: readonly Message[]) {
      const [first] = messages
      if (messages.length === 1 && first !== undefined) await queue.add('job', first, DONE)
      else await queue.addBulk(messages.map((data) => ({ name: 'job', data, opts: DONE })))
    },
    async consume(_: Aim, onMessage: (message: Message) => void) {
      const worker = new Worker(QUEUE, async ({ data }) => onMessage(data), { connection, concurrency: 32 })
      worker.on('error', () => undefined)
      await worker.waitUntilReady()
      return () => worker.close()
    },
    end: () => queue.close(),
  })
}
