/*
 * What a topic is in RabbitMQ. An exchange, which takes events by the number of their partition. For each group and
 * partition a quorum queue, bound to that number, with a single active consumer: the broker hands the partition's events to
 * one member, in order. For each group a queue of dead letters, and an exchange over which its members tell each other who
 * they are and what they have. Everything begins with `tenfold/`, so that permissions can name it.
 */

/** Names of what a topic has. */
export function topicNames(topic: string): { readonly exchange: string; readonly partitions: string } {
  const exchange = `tenfold/topic/${topic}`
  return { exchange, partitions: `${exchange}/partitions` }
}

/** Names of what a group has on a topic. */
export interface GroupNames {
  readonly topic: string
  readonly group: string
  /** Where events wait. */
  queue(partition: number): string
  /** There while somebody has the partition, and only for his connection. */
  owner(partition: number): string
  /** What members say to each other. */
  readonly members: string
  readonly dead: string
}

/** @see GroupNames */
export function groupNames(topic: string, group: string): GroupNames {
  const base = `tenfold/topic/${topic}/group/${group}`
  return {
    topic,
    group,
    queue: (partition) => `${base}/${partition}`,
    owner: (partition) => `${base}/${partition}/owner`,
    members: `${base}/members`,
    dead: `${base}/dead`,
  }
}
