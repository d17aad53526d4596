import { TenfoldError } from '../../core/errors.ts'
import type { Action } from '../action.ts'

/** `tenfold queues redrive`: nothing is redriven that was not named. */
export const redriveItems: Action = async ({ names, terminal, options, signal }, control) => {
  const [queue, ...itemIds] = names
  const isAll = options['all'] === true
  if (queue === undefined || itemIds.length > 0 === isAll) {
    throw new TenfoldError('TF_USAGE', 'expected redrive QUEUE with ids of items or --all, one of them', {
      hint: 'see the ids with "tenfold queues dead QUEUE"; all of them: --all',
    })
  }
  const wanted = { queue, ...(isAll ? {} : { itemIds }) }
  const outcome = await control.command<{ count: number }>('queue-redrive', wanted, { signal })
  if (options['json'] === true) terminal.out(JSON.stringify(outcome))
  else terminal.out(`${outcome.count} item${outcome.count === 1 ? '' : 's'} of ${queue} will be tried again.`)
}
