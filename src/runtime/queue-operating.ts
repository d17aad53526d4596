import type { ResolvedQueueEngine } from '../blueprint/resolved-blueprint.ts'
import { didYouMean } from '../core/did-you-mean.ts'
import { TenfoldError } from '../core/errors.ts'
import type { DeadItem } from '../queues/dead-items.ts'
import type { PeekedItem } from '../queues/peeked-item.ts'
import type { QueueEngine } from '../queues/queue-engine.ts'
import { peekItems } from '../queues/queues/postgres/peek-items.ts'
import { createPostgresQueues } from '../queues/queues/postgres/postgres-queues.ts'
import { createQueueCatalog } from '../queues/queues/postgres/queue-catalog.ts'
import { createRabbitQueues } from '../queues/queues/rabbitmq/rabbit-queues.ts'
import { connectDatabase } from '../sql/database.ts'
import type { EngineUrls } from './engine-urls.ts'
import type { PartsContext } from './parts-context.ts'

/** What people do with the queues of a running system. Every method throws TF_QUEUE_UNKNOWN, with what was probably meant. */
export interface QueueOperating {
  /** Items that are not dead, what runs and what is next first. @throws TF_QUEUE_UNSUPPORTED it is not in PostgreSQL */
  peek(queue: string, max: number): Promise<readonly PeekedItem[]>
  /** The oldest items that nobody could do. */
  dead(queue: string, max: number): Promise<readonly DeadItem[]>
  /** Puts these, or all, into the queue again. @returns how many */
  redrive(queue: string, itemIds: readonly string[] | undefined): Promise<number>
}

/** Operates the queues of a blueprint, each by a connection of its own to the database or server that holds it. */
export function createQueueOperating(
  context: Pick<PartsContext, 'blueprint'>,
  { ownerUrl, engineUrls }: { readonly ownerUrl: (database: string) => string; readonly engineUrls: EngineUrls },
): QueueOperating {
  function engineOf(queue: string): ResolvedQueueEngine {
    const { queues } = context.blueprint
    if (Object.hasOwn(queues, queue)) return queues[queue]!.engine
    const meant = didYouMean(queue, Object.keys(queues))
    const known = Object.keys(queues).join(', ') || 'there is none'
    throw new TenfoldError('TF_QUEUE_UNKNOWN', `expected a queue of the blueprint (${known}), got ${queue}`, {
      hint: meant === undefined ? 'name one of them' : `did you mean ${meant}?`,
      details: { queue },
    })
  }

  async function on<Result>(queue: string, work: (there: Operated) => Promise<Result>): Promise<Result> {
    const held = engineOf(queue)
    if (held.kind === 'rabbitmq') {
      const engine = createRabbitQueues(await engineUrls.read(held), { queues: [queue] })
      return work({ engine, peek: () => refusePeek(queue) }).finally(() => engine.end())
    }
    const url = ownerUrl(held.database)
    const database = connectDatabase({ url, connectionsMax: 2 }, { applicationName: 'tenfold queues' })
    const engine = createPostgresQueues(database)
    const peek = async (max: number): Promise<readonly PeekedItem[]> =>
      peekItems(database, await createQueueCatalog(database).find(queue), max)
    try {
      return await work({ engine, peek })
    } finally {
      await engine.end()
      await database.end()
    }
  }

  return {
    peek: (queue, max) => on(queue, ({ peek }) => peek(max)),
    dead: (queue, max) => on(queue, async ({ engine }) => (await engine.deadItems(queue)).list({ max })),
    redrive: (queue, itemIds) =>
      on(queue, async ({ engine }) =>
        (await engine.deadItems(queue)).redrive(itemIds === undefined ? {} : { itemIds }),
      ),
  }
}

/** What holds one queue. */
interface Operated {
  readonly engine: Pick<QueueEngine, 'deadItems'>
  readonly peek: (max: number) => Promise<readonly PeekedItem[]>
}

/** A broker shows an item by handing it out: whoever puts it back has counted a try, and taken its place from it. */
async function refusePeek(queue: string): Promise<never> {
  throw new TenfoldError(
    'TF_QUEUE_UNSUPPORTED',
    `expected ${queue} to be in PostgreSQL, since RabbitMQ shows an item only to who takes it`,
    {
      hint: 'see how many there are with "tenfold queues lag", or take some in the management plugin of RabbitMQ',
      details: { queue },
    },
  )
}
