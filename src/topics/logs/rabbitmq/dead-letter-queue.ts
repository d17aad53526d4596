import type { Channel, GetMessage } from 'amqplib'
import type { RabbitConnection } from '../../../backends/rabbitmq.ts'
import { failureOf, replyCode } from '../../../backends/rabbitmq.ts'
import type { RabbitPublisher } from '../../../backends/rabbitmq-publisher.ts'
import type { Clock } from '../../../core/clock.ts'
import { sleep } from '../../../core/clock.ts'
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
/** One reads at a time: what one holds, another would not see. */
const READER_TRIES = 100
const READER_PAUSE_MS = 50
/** What was held is there again so soon; then it is not waited for any longer. */
const RETURN_MS = 2_000
const RETURN_PAUSE_MS = 5
const LOCKED = 405

/**
 * The letters of a group, in a queue of the broker that only those read who list or redrive them. Redriving puts a letter
 * behind the events that wait, where it is an event again: nothing is ever due, and nothing can wait behind a letter.
 *
 * A process that dies between two steps leaves a letter twice, or a letter and its event; never neither.
 */
export function createDeadLetterQueue({ publisher, names, clock }: DeadLetterQueueOptions): DeadLetters {
  let turn: Promise<unknown> = Promise.resolve()
  function read<Result>(work: (reading: Reading) => Promise<Result>): Promise<Result> {
    const result = turn.then(() => readLetters({ publisher, names, clock }, work))
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
          const held = await next()
          if (held === undefined) break
          letters.set(held.letter.messageId, held.letter)
        }
        return [...letters.values()]
      }),
    redrive: (selection = {}) =>
      read(async ({ next, remove }) => {
        let count = 0
        for (let isMore = true; isMore;) {
          const batch: HeldLetter[] = []
          while (isMore && batch.length < REDRIVE_AT_ONCE) {
            const held = await next()
            if (held === undefined) isMore = false
            else if (isSelected(held.letter, selection)) batch.push(held)
          }
          await publisher.publish(
            batch.map(({ letter }) => messageFor(names.queue(letter.partition), letter, { attempts: letter.attempts })),
          )
          for (const held of batch) remove(held)
          count += batch.length
        }
        return count
      }),
  }
}

interface HeldLetter {
  readonly letter: DeadLetter
  readonly message: GetMessage
}

/** Letters that are held while somebody goes through them. */
interface Reading {
  /** The next one, the oldest first; undefined: there are no more. */
  next(): Promise<HeldLetter | undefined>
  /** All others stay, in their order. */
  remove(held: HeldLetter): void
}

async function readLetters<Result>(
  { publisher, names, clock }: DeadLetterQueueOptions,
  work: (reading: Reading) => Promise<Result>,
): Promise<Result> {
  const connection = await publisher.connection()
  await becomeReader(connection, names, clock)
  const channel = await connection.channel()
  try {
    const { messageCount } = await channel.checkQueue(names.dead)
    let [read, kept] = [0, messageCount]
    try {
      return await work({
        async next() {
          // What is added meanwhile is not read, so that it ends.
          const message = read++ < messageCount && (await channel.get(names.dead))
          return message === false ? undefined : { message, letter: letterOf(message) }
        },
        remove({ message }) {
          channel.ack(message)
          kept--
        },
      })
    } finally {
      channel.nackAll(true)
      await returned(channel, names, kept, clock)
    }
  } finally {
    await channel.deleteQueue(names.deadReader).catch(() => undefined)
    await channel.close().catch(() => undefined)
  }
}

async function becomeReader(connection: RabbitConnection, names: GroupNames, clock: Clock): Promise<void> {
  for (let tries = 1; ; tries++) {
    const channel = await connection.channel()
    try {
      await channel.assertQueue(names.deadReader, { exclusive: true, durable: false })
      await channel.close()
      return
    } catch (error) {
      if (replyCode(error) !== LOCKED || tries >= READER_TRIES) throw failureOf(error, 'expected to read dead letters')
      await sleep(clock, READER_PAUSE_MS)
    }
  }
}

/** What was held comes back a little later, and the next reader shall find it. */
async function returned(channel: Channel, names: GroupNames, count: number, clock: Clock): Promise<void> {
  const untilMs = clock.nowMs() + RETURN_MS
  while ((await channel.checkQueue(names.dead)).messageCount < count && clock.nowMs() < untilMs) {
    await sleep(clock, RETURN_PAUSE_MS)
  }
}

function isSelected({ messageId, key }: DeadLetter, selection: RedriveSelection): boolean {
  if (selection.messageIds === undefined && selection.key === undefined) return true
  return selection.messageIds?.includes(messageId) === true || (selection.key !== undefined && selection.key === key)
}
