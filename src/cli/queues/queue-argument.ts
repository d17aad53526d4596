import { TenfoldError } from '../../core/errors.ts'

/** The queue that is named, and nothing else. @throws TF_USAGE */
export function onlyQueue(action: string, names: readonly string[]): string {
  const [queue, ...more] = names
  if (queue !== undefined && more.length === 0) return queue
  throw new TenfoldError('TF_USAGE', `expected ${action} QUEUE, got ${names.length} names`, {
    hint: `write for example: tenfold queues ${action} emails`,
  })
}
