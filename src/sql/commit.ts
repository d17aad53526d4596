import { TenfoldError, hasCode } from '../core/errors.ts'
import { formatCommitToken } from './commit-status.ts'
import type { Session } from './session.ts'
import { commitIndeterminate } from './session.ts'

const IDENTIFY = `select pg_current_xact_id_if_assigned()::text as id, (pg_current_wal_insert_lsn() - '0/0')::text as lsn`

/**
 * Sends COMMIT and resolves only if the server confirmed it. In front of it goes the question for the transaction's id,
 * whose answer is not waited for, so that it is known if that of COMMIT is lost.
 *
 * @throws TF_COMMIT_INDETERMINATE the connection went away, or the wait for the standby was cancelled
 * @throws TF_CONNECTION_LOST the connection went away, and nothing was written that could have been committed
 * @throws TF_TRANSACTION_ABORTED a statement had failed before, so the server rolled back
 * @throws the server's error (a deferred constraint, a serialization failure): rolled back
 */
export async function commit(session: Session, { isReadOnly = false }: { isReadOnly?: boolean } = {}): Promise<void> {
  // In a transaction that has failed the server refuses it.
  const identity = isReadOnly ? Promise.resolve(undefined) : identify(session).catch(() => undefined)
  let command: string
  try {
    command = (await session.query('commit')).command
  } catch (error) {
    throw await explain(error, await identity, session.term)
  }
  if (command === 'ROLLBACK') {
    throw new TenfoldError(
      'TF_TRANSACTION_ABORTED',
      'expected the transaction to commit, but a statement in it had failed and the server rolled back',
      { hint: 'let the error of the failed statement leave the work function, or wrap that statement in a savepoint' },
    )
  }
}

interface Identity {
  /** None: the transaction has written nothing. */
  readonly id: string | undefined
  readonly lsn: bigint
}

async function identify(session: Session): Promise<Identity | undefined> {
  const [row] = (await session.ask<{ id: string | null; lsn: string }>(IDENTIFY)).rows
  return row === undefined ? undefined : { id: row.id ?? undefined, lsn: BigInt(row.lsn) }
}

async function explain(error: unknown, identity: Identity | undefined, term: number): Promise<unknown> {
  const isLost = hasCode(error, 'TF_CONNECTION_LOST')
  if (!isLost && !hasCode(error, 'TF_COMMIT_INDETERMINATE')) return error
  if (isLost && identity !== undefined && identity.id === undefined) return error
  const reason = isLost ? 'the connection was lost before the answer came' : 'the wait for the standby was cancelled'
  const id = identity?.id
  const details =
    id === undefined ? {} : { transaction: formatCommitToken({ id: BigInt(id), term, lsn: identity?.lsn ?? 0n }) }
  return commitIndeterminate(reason, error, details)
}
