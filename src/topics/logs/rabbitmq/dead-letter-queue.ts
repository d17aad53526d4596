import type { GetMessage } from 'amqplib'
import type { RabbitPublisher } from '../../../backends/rabbitmq/rabbit-publisher.ts'
import type { QueueReading } from '../../../backends/rabbitmq/read-queue.ts'
import { readQueue } from '../../../backends/rabbitmq/read-queue.ts'
import type { Clock } from '../../../core/clock.ts'
import type { DeadLetter, DeadLetters, RedriveSelection } from '../../dead-letters.ts'
import { letterEnvelope, letterOf, messageFor } from './event-message.ts'
import type { GroupNames } from './names.ts'

/** @see createDeadLetterQueue */
export interface DeadLetterQueueOptions {
  readonly publisher: RabbitPublisher
  readonly names: GroupNames
  readonly clock: Clock
}

/** Letters that are republished together. */
const REDRIVE_AT_ONCE = 500

/**
 * The letters of a group, in a queue of the broker that only those read who list or redrive them. Redriving puts a letter
 * behind the events that wait, where it is an event again: nothing is ever due, and nothing can wait behind a letter.
 *
 * A process that dies between two steps leaves a letter twice, or a letter and its event; never neither.
 */
export function createDeadLetterQueue({ publisher, names, clock }: DeadLetterQueueOptions): DeadLetters {
  let turn: Promise<unknown> = Promise.resolve()
  function read<Result>(work: (reading: QueueReading) => Promise<Result>): Promise<Result> {
    const result = turn.then(async () =>
      readQueue({ connection: await publisher.connection(), queue: names.dead, clock }, work),
    )
    turn = result.catch(() => undefined)
    return result
  }
  return {
    async add(event, reason, progress) {
      await publisher.publish([messageFor(names.dead, event, letterEnvelope(event, reason, clock.epochMs()))])
      await progress?.claim.commit(progress.sequence)
    },
    blockedKeys: async () => [],
    due: async () => [],
    settle: async () => true,
    failAgain: async () => {},
    list: ({ max = 100 } = {}) =>
      read(async ({ next }) => {
        const letters = new Map<string, DeadLetter>()
        while (letters.size < max) {
          const message = await next()
          if (message === undefined) break
          const letter = letterOf(message)
          letters.set(letter.messageId, letter)
        }
        return [...letters.values()]
      }),
    redrive: (selection = {}) =>
      read(async ({ next, remove }) => {
        let count = 0
        for (let isMore = true; isMore;) {
          const batch: { readonly message: GetMessage; readonly letter: DeadLetter }[] = []
          while (isMore && batch.length < REDRIVE_AT_ONCE) {
            const message = await next()
            if (message === undefined) isMore = false
            else if (isSelected(letterOf(message), selection)) batch.push({ message, letter: letterOf(message) })
          }
          await publisher.publish(
            batch.map(({ letter }) => messageFor(names.queue(letter.partition), letter, { attempts: letter.attempts })),
          )
          for (const { message } of batch) remove(message)
          count += batch.length
        }
        return count
      }),
  }
}

function isSelected({ messageId, key }: DeadLetter, { messageIds, key: wanted }: RedriveSelection): boolean {
  if (messageIds === undefined && wanted === undefined) return true
  return messageIds?.includes(messageId) === true || (wanted !== undefined && wanted === key)
}
