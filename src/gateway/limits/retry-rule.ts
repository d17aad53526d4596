/** How a request failed before its answer began. */
export interface Failure {
  /** Whether any of it was written to a connection. */
  readonly isSent: boolean
  readonly hasAnswerBytes: boolean
  readonly hasBody: boolean
  readonly method: string
  readonly error: Error
}

const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'])
const RESET: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'])

/**
 * Whether a failed request may be sent again: when nothing of it was sent, or when the connection was reset before
 * the first byte of an answer (the instance was killed, or closed it as idle while we wrote) and doing it twice is the
 * same as doing it once (RFC 9110, 9.2.2).
 */
export function canRetry(failure: Failure): boolean {
  if (!failure.isSent) return true
  return (
    !failure.hasAnswerBytes &&
    !failure.hasBody &&
    IDEMPOTENT.has(failure.method) &&
    RESET.has('code' in failure.error ? String(failure.error.code) : '')
  )
}
