import { TenfoldError } from '../../core/errors.ts'
import type { Action } from '../action.ts'

/** `tenfold queues replay`, which topics have. */
export const refuseReplay: Action = () => {
  throw new TenfoldError(
    'TF_USAGE',
    'expected a topic: an item of a queue is gone when it is done, and is not read again',
    {
      hint: 'try dead items again with "tenfold queues redrive", or keep what has to be read again in a topic',
    },
  )
}
