import type { QueueStatus } from '../../control/queue-status.ts'
import { didYouMean } from '../../core/did-you-mean.ts'
import { TenfoldError } from '../../core/errors.ts'
import { formatTable } from '../../core/table.ts'
import type { Terminal } from '../terminal.ts'
import { ageText } from '../topics/list-topics.ts'
import type { Action } from '../action.ts'
import { onlyQueue } from './queue-argument.ts'

/** `tenfold queues list`: from the snapshot, so that nothing is asked of the databases. */
export const listQueues: Action = async ({ terminal, options, signal }, control) => {
  const { queues = {} } = await control.snapshot({ signal })
  const all = Object.values(queues)
  terminal.out(options['json'] === true ? JSON.stringify(all) : queuesView(all, terminal.style))
}

/** `tenfold queues lag`: the line of one queue. */
export const showQueueLag: Action = async ({ names, terminal, options, signal }, control) => {
  const name = onlyQueue('lag', names)
  const { queues = {} } = await control.snapshot({ signal })
  const queue = queues[name]
  if (queue === undefined) throw unknownQueue(name, Object.keys(queues))
  terminal.out(options['json'] === true ? JSON.stringify(queue) : queuesView([queue], terminal.style))
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

function unknownQueue(queue: string, known: readonly string[]): TenfoldError {
  const meant = didYouMean(queue, known)
  return new TenfoldError(
    'TF_QUEUE_UNKNOWN',
    `expected a queue that was seen (${known.join(', ') || 'none'}), got ${queue}`,
    {
      hint: meant === undefined ? 'name one of them' : `did you mean ${meant}?`,
      details: { queue },
    },
  )
}
