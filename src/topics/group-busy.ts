import { TenfoldError } from '../core/errors.ts'

/** Somebody reads for a group that was to be dropped. */
export function groupBusy(topic: string, group: string): TenfoldError {
  return new TenfoldError('TF_GROUP_BUSY', `expected nobody to read ${topic} for group ${group}, but somebody does`, {
    hint: 'stop the service that reads for it, and try again a minute later',
    details: { topic, group },
  })
}
