import type { GetMessage } from 'amqplib'
import type { RabbitPublisher } from '../../../backends/rabbitmq/rabbit-publisher.ts'
import type { QueueReading } from '../../../backends/rabbitmq/read-queue.ts'
import { readQueue } from '../../../backends/rabbitmq/read-queue.ts'
import type { Clock } from '../../../core/clock.ts'
import type { DeadItem, DeadItems } from '../../dead-items.ts'
import { deadItemOf, messageOfItem } from './item-message.ts'
import type { QueueNames } from './layout.ts'

/** @see createDeadItemQueue */
export interface DeadItemQueueOptions {
  readonly publisher: RabbitPublisher
  readonly names: QueueNames
  readonly clock: Clock
  /** Items were put in. */
  onRedriven(): void
}

/** Items that are put in together. */
const REDRIVE_AT_ONCE = 500

/** The dead of a queue, in one of the broker. A process that dies while it redrives leaves an item twice, never nowhere. */
export function createDeadItemQueue({ publisher, names, clock, onRedriven }: DeadItemQueueOptions): DeadItems {
  let turn: Promise<unknown> = Promise.resolve()
  function read<Result>(work: (reading: QueueReading) => Promise<Result>): Promise<Result> {
    const result = turn.then(async () =>
      readQueue({ connection: await publisher.connection(), queue: names.dead, clock }, work),
    )
    turn = result.catch(() => undefined)
    return result
  }
  /** Calls with those that are wanted, some at a time, and removes them then. */
  function takeOut(
    itemIds: readonly string[] | undefined,
    work: (items: readonly DeadItem[]) => Promise<void>,
  ): Promise<number> {
    return read(async ({ next, remove }) => {
      let count = 0
      for (let isMore = true; isMore;) {
        const batch: { readonly message: GetMessage; readonly item: DeadItem }[] = []
        while (isMore && batch.length < REDRIVE_AT_ONCE) {
          const message = await next()
          if (message === undefined) {
            isMore = false
            continue
          }
          const item = deadItemOf(message)
          if (itemIds === undefined || itemIds.includes(item.itemId)) batch.push({ message, item })
        }
        await work(batch.map(({ item }) => item))
        for (const { message } of batch) remove(message)
        count += batch.length
      }
      return count
    })
  }
  return {
    list: ({ max = 100 } = {}) =>
      read(async ({ next }) => {
        const items: DeadItem[] = []
        for (let message = await next(); message !== undefined && items.length < max; message = await next()) {
          items.push(deadItemOf(message))
        }
        return items
      }),
    async redrive({ itemIds } = {}) {
      const count = await takeOut(itemIds, (items) =>
        publisher.publish(
          items.map((item) => {
            const route = { exchange: '', routingKey: names.items(item.priority) }
            return messageOfItem(item, route, { before: item.attempts })
          }),
        ),
      )
      if (count > 0) onRedriven()
      return count
    },
    remove: ({ itemIds }) => takeOut(itemIds, async () => {}),
  }
}
