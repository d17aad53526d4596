import type { ResolvedBucket } from '../../blueprint/resolved-backup.ts'
import { TenfoldError, messageOf } from '../../core/errors.ts'
import { textIn } from './bucket-xml.ts'

/** A store said no. */
export class BucketFailure extends Error {
  readonly status: number
  /** As the store names it: `'SlowDown'`; undefined when it doesn't. */
  readonly reason: string | undefined

  constructor(status: number, answer: string) {
    const reason = textIn(answer, 'Code')
    super([status, reason, (textIn(answer, 'Message') ?? (reason === undefined ? answer : '')).slice(0, 300)].join(' '))
    this.status = status
    this.reason = reason
  }
}

/** What is made of a failure. */
export interface ExplainedFailure {
  /** Whether it may well be over in a moment. */
  readonly isPassing: boolean
  /** Whether other keys might do. */
  readonly isOfKeys: boolean
  readonly explained: unknown
}

const PASSING_STATUSES: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504])
/** Two that write one key at once; a body that came too slowly; a time-out of the store's own. */
const PASSING_REASONS: ReadonlySet<string> = new Set([
  'ConditionalRequestConflict',
  'OperationAborted',
  'RequestTimeout',
  'SlowDown',
])
/** Made wrongly, or refused by the other side's certificate: the same again tomorrow. */
const LASTING_CODES = /^(?:ENOTFOUND|ERR_TLS_|ERR_SSL_|CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERR_INVALID_)/

/** Says what went wrong for people, and whether to try again. Pure. */
export function explainFailure({ name, region, endpoint }: ResolvedBucket, error: unknown): ExplainedFailure {
  const failed = (hint: string): TenfoldError =>
    new TenfoldError('TF_REPOSITORY_UNREACHABLE', `expected to use the bucket ${name}, got: ${causeOf(error)}`, {
      hint,
      details: { bucket: name, region, ...(endpoint === undefined ? {} : { endpoint }) },
      cause: error,
    })
  if (!(error instanceof BucketFailure)) {
    const code = codeOf(error)
    // Of our own: keys that are missing, a disk that is full here.
    if (code === undefined || code.startsWith('TF_') || (error instanceof Error && 'syscall' in error && isFile(error)))
      return { isPassing: false, isOfKeys: false, explained: error }
    const explained = failed('see whether the store can be reached from here, and whether its certificate is known')
    return { isPassing: !LASTING_CODES.test(code), isOfKeys: false, explained }
  }
  const { status, reason } = error
  const isPassing = PASSING_STATUSES.has(status) || PASSING_REASONS.has(reason ?? '')
  return { isPassing, isOfKeys: status === 401 || status === 403, explained: failed(hintOf(status, reason, region)) }
}

function hintOf(status: number, reason: string | undefined, region: string): string {
  if (reason === 'RequestTimeTooSkewed') return 'set the clock of this machine'
  if (reason === 'NoSuchBucket') return 'create the bucket, or correct "to" of the backup in the blueprint'
  if (status === 301 || status === 307 || reason === 'AuthorizationHeaderMalformed')
    return `name the region that the bucket is in; ${region} is not it`
  if (status === 401 || status === 403)
    return 'give the keys the rights to list, get, put and delete there, or correct AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY'
  if (status < 500) return 'do what the store says, or correct "to" of the backup in the blueprint'
  return 'wait until the store is well again; nothing is lost, what is not archived yet waits beside the database'
}

/** undici wraps what happened. */
function causeOf(error: unknown): string {
  return error instanceof Error && error.message === '' && error.cause !== undefined
    ? messageOf(error.cause)
    : messageOf(error) || (codeOf(error) ?? 'no answer')
}

function isFile(error: Error): boolean {
  return 'path' in error || /^E(?:NOSPC|DQUOT|IO|ROFS)$/.test(codeOf(error) ?? '')
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined
}
