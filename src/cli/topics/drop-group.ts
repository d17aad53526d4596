import { TenfoldError } from '../../core/errors.ts'
import type { Action } from '../action.ts'
import { onlyTopic } from './topic-arguments.ts'

/** `tenfold topics drop-group`: the group is always named, and nothing brings back what it has lost. */
export const dropTopicGroup: Action = async ({ names, terminal, options, signal }, control) => {
  const topic = onlyTopic('drop-group', names)
  const { group, yes, json } = options
  if (typeof group !== 'string') {
    throw new TenfoldError('TF_USAGE', 'expected --group, got nothing', {
      hint: `see who reads it with "tenfold topics lag ${topic}"`,
    })
  }
  if (yes !== true) {
    throw new TenfoldError(
      'TF_USAGE',
      `expected --yes: ${group} forgets how far it is on ${topic}, and its dead letters are gone`,
      { hint: 'repeat the command with --yes' },
    )
  }
  const outcome = await control.command<{ group: string }>('topic-drop-group', { topic, group }, { signal })
  terminal.out(json === true ? JSON.stringify(outcome) : `${group} is no group of ${topic} any more.`)
}
