import type { QueueStatus } from '../../control/queue-status.ts'
import { formatTable } from '../../core/table.ts'
import type { Terminal } from '../terminal.ts'
import { ageText } from '../topics/list-topics.ts'
import type { Action } from '../action.ts'

/** `tenfold queues list`: from the snapshot, so that nothing is asked of the databases. */
export const listQueues: Action = async ({ terminal, options, signal }, control) => {
  const { queues = {} } = await control.snapshot({ signal })
  const all = Object.values(queues)
  terminal.out(options['json'] === true ? JSON.stringify(all) : queuesView(all, terminal.style))
}

/** A line for each queue. */
export function queuesView(queues: readonly QueueStatus[], style: Terminal['style']): string {
  if (queues.length === 0) return 'no queues: write queues: { … } in the blueprint'
  const heading = ['queue', 'waiting', 'oldest', 'running', 'delayed', 'finished/s', 'workers', 'dead', '']
  const rows = queues.map((queue) => [
    queue.name,
    `${queue.waiting}${queue.isMore ? '+' : ''}`,
    ageText(queue.oldestAgeMs),
    String(queue.running),
    String(queue.delayed),
    queue.finishedPerSecond === undefined ? '' : String(queue.finishedPerSecond),
    String(queue.workers),
    queue.deadItems === 0 ? '0' : style('red', String(queue.deadItems)),
    queue.outboxes.map(({ database, messages }) => `${messages} wait in the outbox of ${database}`).join(', '),
  ])
  return formatTable([heading.map((text) => style('dim', text)), ...rows])
}
