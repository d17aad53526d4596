import type { ResolvedQueueEngine } from '../blueprint/resolved-blueprint.ts'
import { didYouMean } from '../core/did-you-mean.ts'
import { TenfoldError } from '../core/errors.ts'
import type { DeadItem, DeadItems } from '../queues/dead-items.ts'
import { createPostgresQueues } from '../queues/queues/postgres/postgres-queues.ts'
import { createRabbitQueues } from '../queues/queues/rabbitmq/rabbit-queues.ts'
import { connectDatabase } from '../sql/database.ts'
import type { EngineUrls } from './engine-urls.ts'
import type { PartsContext } from './parts-context.ts'

/** What people do with the queues of a running system. Every method throws TF_QUEUE_UNKNOWN, with what was probably meant. */
export interface QueueOperating {
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

  async function on<Result>(queue: string, work: (items: DeadItems) => Promise<Result>): Promise<Result> {
    const held = engineOf(queue)
    if (held.kind === 'rabbitmq') {
      const there = createRabbitQueues(await engineUrls.read(held), { queues: [queue] })
      return (async () => work(await there.deadItems(queue)))().finally(() => there.end())
    }
    const url = ownerUrl(held.database)
    const database = connectDatabase({ url, connectionsMax: 2 }, { applicationName: 'tenfold queues' })
    const engine = createPostgresQueues(database)
    try {
      return await work(await engine.deadItems(queue))
    } finally {
      await engine.end()
      await database.end()
    }
  }

  return {
    dead: (queue, max) => on(queue, (items) => items.list({ max })),
    redrive: (queue, itemIds) => on(queue, (items) => items.redrive(itemIds === undefined ? {} : { itemIds })),
  }
}
