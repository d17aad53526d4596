import { hasCode } from '../core/errors.ts'

/** What PostgreSQL says about a failed statement, as far as decisions need it. */
export interface ServerError extends Error {
  /** SQLSTATE, five characters. */
  readonly code: string
  readonly severity: string
  readonly detail?: string
  readonly hint?: string
  /** Offset of the mistake in the statement, counted in characters from 1. */
  readonly position?: string
  readonly constraint?: string
}

/** Whether the server itself reported the error, so that its SQLSTATE can be relied on. */
export function isServerError(error: unknown): error is ServerError {
  return (
    error instanceof Error &&
    'severity' in error &&
    typeof error.severity === 'string' &&
    'code' in error &&
    typeof error.code === 'string'
  )
}

/** Whether the error ends the session: nothing sent after it is answered. */
export function isFatal(error: unknown): boolean {
  return isServerError(error) && (error.severity === 'FATAL' || error.severity === 'PANIC')
}

/**
 * Whether the transaction was rolled back only because of what ran beside it, so that running it again is right:
 * serialization failure (40001) and deadlock (40P01).
 */
export function isConflict(error: unknown): boolean {
  return isServerError(error) && (error.code === '40001' || error.code === '40P01')
}

/**
 * Whether a prepared statement could not be used though its text may be all right: the server does not have it (26000), or
 * has another one of that name because somebody in between shares its connections (42P05), or its columns are no longer those
 * that it was prepared with (0A000).
 */
export function isAboutPreparing(error: unknown): boolean {
  return isServerError(error) && ['26000', '42P05', '0A000'].includes(error.code)
}

/** Errors of the operating system that a server shows while it is down or restarting. */
const UNREACHABLE = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOENT',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
])

/**
 * Whether connecting may succeed a moment later: the server is down, starting, stopping (57P03, 57P01, 57P02), cut the
 * connection off, or has no connection left (53300); or it is not the primary (any more). A wrong password or an unknown database never passes.
 */
export function isTransientConnectFailure(error: unknown): boolean {
  if (hasCode(error, 'TF_NOT_PRIMARY')) return true
  if (isServerError(error)) return ['57P01', '57P02', '57P03', '53300'].includes(error.code)
  if (!(error instanceof Error)) return false
  if ('code' in error && typeof error.code === 'string') return UNREACHABLE.has(error.code)
  return /connection terminated|timeout expired/i.test(error.message)
}

/**
 * Whether a notice says that a statement returned without waiting for the synchronous standby: it is committed here,
 * and may be lost with this node. The routine is checked because the text is translated.
 */
export function isCancelledStandbyWait(notice: {
  message?: string | undefined
  routine?: string | undefined
}): boolean {
  return notice.routine === 'SyncRepWaitForLSN' || /wait for synchronous replication/.test(notice.message ?? '')
}
