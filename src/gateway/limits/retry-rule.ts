/** How a request failed before its answer began. */
export interface Failure {
  /** Whether any of it was written to a connection. */
  readonly isSent: boolean
  /** Whether that connection had answered before: the instance may have closed it as idle while we wrote. */
  readonly isReusedConnection: boolean
  readonly hasAnswerBytes: boolean
  readonly hasBody: boolean
  readonly method: string
  readonly error: Error
}

const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'])
const RESET: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET'])

/**
 * Whether a failed request may be sent again: when nothing of it was sent, or when a reused connection was reset before
 * the first byte of an answer and doing it twice is the same as doing it once.
 */
export function canRetry(failure: Failure): boolean {
  if (!failure.isSent) return true
  return (
    failure.isReusedConnection &&
    !failure.hasAnswerBytes &&
    !failure.hasBody &&
    IDEMPOTENT.has(failure.method) &&
    RESET.has('code' in failure.error ? String(failure.error.code) : '')
  )
}
