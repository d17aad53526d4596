import { TenfoldError } from '../../core/errors.ts'
import type { GroupOutcome } from '../../runtime/topic-operating.ts'
import type { Action } from '../action.ts'
import { groupIn } from './topic-arguments.ts'

/** `tenfold topics redrive`: nothing is redriven that was not named. */
export const redriveLetters: Action = async (input, control) => {
  const { terminal, options, signal } = input
  const [topic, ...messageIds] = input.names
  const { key, all } = options
  const ways = [messageIds.length > 0, typeof key === 'string', all === true].filter(Boolean).length
  if (topic === undefined || ways !== 1) {
    throw new TenfoldError('TF_USAGE', 'expected redrive TOPIC with ids of letters, --key or --all, one of them', {
      hint: 'see the ids with "tenfold topics dead TOPIC"; all of them: --all',
    })
  }
  const selection = messageIds.length > 0 ? { messageIds } : typeof key === 'string' ? { key } : {}
  const wanted = { topic, group: groupIn(input), ...selection }
  const outcome = await control.command<GroupOutcome>('topic-redrive', wanted, { signal })
  if (options['json'] === true) terminal.out(JSON.stringify(outcome))
  else terminal.out(outcomeText(outcome))
}

function outcomeText({ group, count }: GroupOutcome): string {
  if (count === 0) return `${group} has no such letters.`
  return `${group} tries ${count} letter${count === 1 ? '' : 's'} again.`
}
