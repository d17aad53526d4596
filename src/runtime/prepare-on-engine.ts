import { connectKafka } from '../backends/kafka/kafka-connection.ts'
import type { ResolvedTopic } from '../blueprint/resolved-blueprint.ts'
import { ensureKafkaTopic } from '../topics/logs/kafka/kafka-topic.ts'
import { createRabbitLog } from '../topics/logs/rabbitmq/rabbit-log.ts'

/**
 * Makes in an engine elsewhere what a topic needs there; repeating it changes nothing.
 *
 * @param groups those that read it: RabbitMQ keeps events for them only
 * @throws TF_PEER_MISSING, TF_BROKER_UNREACHABLE, TF_BROKER_REFUSED, TF_TOPIC_CHANGED
 */
export async function prepareOnEngine(
  { name, partitions, retentionMs }: ResolvedTopic,
  {
    kind,
    url,
    groups,
  }: { readonly kind: 'kafka' | 'rabbitmq'; readonly url: string; readonly groups: readonly string[] },
): Promise<void> {
  if (kind === 'rabbitmq') {
    const log = createRabbitLog(url)
    await log.ensureTopic(name, { partitions, groups }).finally(() => log.end())
    return
  }
  const connection = connectKafka(url)
  await ensureKafkaTopic(connection, { name, partitions, retentionMs }).finally(() => connection.end())
}
