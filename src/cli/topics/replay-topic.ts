import { systemClock } from '../../core/clock.ts'
import { TenfoldError } from '../../core/errors.ts'
import type { Action } from '../action.ts'
import { groupIn, onlyTopic, timeIn, timeText } from './topic-arguments.ts'

/** `tenfold topics replay`: only with `--yes`, since it can't be taken back. */
export const replayTopic: Action = async (input, control) => {
  const { terminal, options, signal } = input
  const topic = onlyTopic('replay', input.names)
  const { from } = options
  if (typeof from !== 'string') {
    throw new TenfoldError('TF_USAGE', 'expected --from, got nothing', {
      hint: 'write --from beginning, --from 2h, --from 2026-05-01T12:00:00Z, or --from now to skip what waits',
    })
  }
  const to = timeIn(from, systemClock.epochMs())
  const start = typeof to === 'object' ? timeText(to.epochMs) : to
  if (options['yes'] !== true) {
    throw new TenfoldError(
      'TF_USAGE',
      to === 'now'
        ? `expected --yes: what waits on ${topic} will not be handled by the group`
        : `expected --yes: the group handles what was published to ${topic} from ${start} on again, but for effects that its inbox knows`,
      { hint: 'repeat the command with --yes' },
    )
  }
  const outcome = await control.command<{ group: string }>(
    'topic-replay',
    { topic, group: groupIn(input), to },
    { signal },
  )
  if (options['json'] === true) terminal.out(JSON.stringify({ ...outcome, from: to }))
  else terminal.out(`${outcome.group} goes on ${to === 'now' ? 'with what comes now' : `from ${start}`}.`)
}
