import { didYouMean } from '../core/did-you-mean.ts'
import { TenfoldError } from '../core/errors.ts'

/** Nobody has read a topic under this name. */
export function groupUnknown(topic: string, group: string, known: readonly string[]): TenfoldError {
  const meant = didYouMean(group, known)
  const names = known.length === 0 ? 'nobody has read it yet' : `there are ${known.join(', ')}`
  return new TenfoldError(
    'TF_GROUP_UNKNOWN',
    `expected ${group} to be a group that reads ${topic} (${names})${meant === undefined ? '' : `: did you mean ${meant}?`}`,
    { hint: 'name one of them; a service that consumes a topic is a group of its name', details: { topic, group } },
  )
}
