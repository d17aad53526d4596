import { TenfoldError } from '../core/errors.ts'
import type { ServerPosition } from './position.ts'
import { askPosition } from './position.ts'
import type { Session } from './session.ts'
import { isServerError } from './sql-failure.ts'

/** What to do with a server that was reached at the primary's address. */
export type PrimaryVerdict =
  | { readonly kind: 'primary' }
  /** A later term has begun than we know of: the address may be out of date. */
  | { readonly kind: 'newer' }
  /** Not to be used: it follows another server, or is the primary of a term that is over. */
  | { readonly kind: 'refused'; readonly reason: string }

/** Compares the term that we know of with what a server says of itself. */
export function judgePrimary(knownTerm: number, seen: Pick<ServerPosition, 'term' | 'isInRecovery'>): PrimaryVerdict {
  if (seen.isInRecovery) return { kind: 'refused', reason: 'a server that follows another' }
  if (seen.term < knownTerm) return { kind: 'refused', reason: `the primary of term ${seen.term}, which is over` }
  return { kind: seen.term > knownTerm ? 'newer' : 'primary' }
}

/** Asks a server for its term. One without the table is older than any. */
export async function askTerm(session: Session): Promise<ServerPosition> {
  try {
    return await askPosition(session, true)
  } catch (error) {
    if (!isServerError(error) || (error.code !== '42P01' && error.code !== '3F000')) throw error
    return askPosition(session, false)
  }
}

/** The error for a server that is not the primary of this term; waiting helps, because a new one is on its way. */
export function notPrimary(database: string, knownTerm: number, reason: string): TenfoldError {
  return new TenfoldError(
    'TF_NOT_PRIMARY',
    `expected the primary of ${database}, of term ${knownTerm} or later, got ${reason}`,
    {
      hint: 'wait for the fail-over to end; if it lasts, "tenfold status" says what the nodes are doing',
      details: { database, knownTerm },
    },
  )
}
