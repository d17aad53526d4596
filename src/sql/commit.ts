import { TenfoldError, hasCode } from '../core/errors.ts'
import type { Session } from './session.ts'
import { commitIndeterminate } from './session.ts'

/**
 * Sends COMMIT and resolves only if the server confirmed it.
 *
 * @throws TF_COMMIT_INDETERMINATE the connection went away, or the wait for the standby was cancelled
 * @throws TF_TRANSACTION_ABORTED a statement had failed before, so the server rolled back
 * @throws the server's error (a deferred constraint, a serialization failure): rolled back
 */
export async function commit(session: Session): Promise<void> {
  let command: string
  try {
    command = (await session.query('commit')).command
  } catch (error) {
    throw hasCode(error, 'TF_CONNECTION_LOST')
      ? commitIndeterminate('the connection was lost before the answer came', error)
      : error
  }
  if (command === 'ROLLBACK') {
    throw new TenfoldError(
      'TF_TRANSACTION_ABORTED',
      'expected the transaction to commit, but a statement in it had failed and the server rolled back',
      { hint: 'let the error of the failed statement leave the work function, or wrap that statement in a savepoint' },
    )
  }
}
