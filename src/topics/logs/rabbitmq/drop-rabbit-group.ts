import type { Channel } from 'amqplib'
import type { RabbitConnection } from '../../../backends/rabbitmq/rabbit-connection.ts'
import { connectRabbit, failureOf, isMissing } from '../../../backends/rabbitmq/rabbit-connection.ts'
import type { Clock } from '../../../core/clock.ts'
import { hasCode } from '../../../core/errors.ts'
import { groupBusy } from '../../group-busy.ts'
import { groupUnknown } from '../../group-unknown.ts'
import type { GroupNames } from './names.ts'
import { groupNames } from './names.ts'

const SILENCE_MS = 10_000

/** @see dropRabbitGroup */
export interface DropRabbitGroupOptions {
  readonly url: string
  readonly topic: string
  readonly partitions: number
  /** Groups that are there by the blueprint, for a hint. */
  readonly groups: readonly string[]
  readonly clock: Clock
}

/**
 * Deletes the queues of a group that nobody reads for any more, with all that waits in them, and its dead letters. Whoever
 * still knows the group, since its bindings name it, makes them again.
 *
 * @throws TF_BROKER_UNREACHABLE, TF_BROKER_REFUSED
 * @throws TF_GROUP_UNKNOWN it has no queues there
 * @throws TF_GROUP_BUSY somebody reads from one of them; nothing was done
 */
export async function dropRabbitGroup(
  { url, topic, partitions, groups, clock }: DropRabbitGroupOptions,
  group: string,
): Promise<void> {
  const connection = await connectRabbit({ url, clock, silenceMs: SILENCE_MS, name: 'tenfold topics' })
  try {
    const names = groupNames(topic, group)
    const queues = Array.from({ length: partitions }, (_, partition) => names.queue(partition))
    const consumers = await countConsumers(connection, [...queues, names.dead])
    if (consumers === undefined) throw groupUnknown(topic, group, groups)
    if (consumers > 0) throw groupBusy(topic, group)
    await remove(await connection.channel(), names, queues)
  } catch (error) {
    if (hasCode(error, 'TF_GROUP_UNKNOWN') || hasCode(error, 'TF_GROUP_BUSY')) throw error
    throw failureOf(error, `expected RabbitMQ to delete the queues of ${group}`)
  } finally {
    await connection.end()
  }
}

/** How many read from any of the queues; undefined: there is none of them. */
async function countConsumers(connection: RabbitConnection, queues: readonly string[]): Promise<number | undefined> {
  let channel = await connection.channel()
  let sum: number | undefined
  for (const queue of queues) {
    try {
      sum = (sum ?? 0) + (await channel.checkQueue(queue)).consumerCount
    } catch (error) {
      if (!isMissing(error)) throw error
      // That has closed it.
      channel = await connection.channel()
    }
  }
  return sum
}

/** What is not there any more is no error. The dead letters last: as long as they are there this can be repeated. */
async function remove(channel: Channel, names: GroupNames, queues: readonly string[]): Promise<void> {
  for (const queue of queues) await channel.deleteQueue(queue)
  await channel.deleteExchange(names.members)
  await channel.deleteQueue(names.dead)
}
