import { TenfoldError } from '../core/errors.ts'
import type { InstanceFailure } from './supervised-instance.ts'

const MAY_NOT_WRITE = /\b(?:EACCES|EROFS)\b|permission denied|read-only file system/i

/** Why an instance did not become ready, with what it printed last and what to do about it. */
export function notReady(
  id: string,
  { reason, lastLines }: Pick<InstanceFailure, 'reason' | 'lastLines'>,
): TenfoldError {
  const output = lastLines.map((line) => `\n    ${line}`).join('')
  const hint = lastLines.some((line) => MAY_NOT_WRITE.test(line))
    ? 'let it open only what its account may: under root that is never a file of its release, but one below $HOME; or start Tenfold as an ordinary user'
    : 'fix what its output says; if it only needs longer to start, raise the start timeout of the service'
  return new TenfoldError('TF_SERVICE_NOT_READY', `expected ${id} to become ready, but it ${reason}${output}`, {
    hint,
    details: { instance: id, reason, lastLines },
  })
}
