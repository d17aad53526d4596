import type { ResolvedQueue } from '../blueprint/resolved-blueprint.ts'
import type { OutboxStatus } from '../control/topic-status.ts'
import type { QueueStatus } from '../control/queue-status.ts'
import type { LagsOfQueues } from '../telemetry/queue-frame.ts'

/** The queues of a blueprint as the snapshot shows them, from the last reading of each database. Pure. */
export function queueStatuses(
  queues: Readonly<Record<string, ResolvedQueue>>,
  latest: ReadonlyMap<string, LagsOfQueues>,
): Readonly<Record<string, QueueStatus>> {
  return Object.fromEntries(
    Object.values(queues).flatMap(({ name, engine }) => {
      const database = engine.kind === 'postgres' ? engine.database : engine.urlVariable
      const lag = latest.get(database)?.queues.find(({ queue }) => queue === name)
      if (lag === undefined) return []
      const { waiting, isMore, oldestAgeMs, running, delayed, workers, deadLetters, rates } = lag
      const status: QueueStatus = {
        name,
        database,
        waiting,
        isMore,
        oldestAgeMs: Math.round(oldestAgeMs),
        running,
        delayed,
        workers,
        deadItems: deadLetters,
        ...(rates === undefined ? {} : { finishedPerSecond: Number(rates.finishedPerSecond.toPrecision(3)) }),
        outboxes: [...latest.values()].flatMap((each) => outboxStatuses(name, each)),
      }
      return [[name, status]]
    }),
  )
}

function outboxStatuses(name: string, { database, outboxOf, queues }: LagsOfQueues): readonly OutboxStatus[] {
  return queues.flatMap(({ queue, messages, oldestAgeMs }) =>
    outboxOf(queue) === name && messages > 0 ? [{ database, messages, oldestAgeMs: Math.round(oldestAgeMs) }] : [],
  )
}
