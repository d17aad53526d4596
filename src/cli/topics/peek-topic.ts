import { systemClock } from '../../core/clock.ts'
import { TenfoldError } from '../../core/errors.ts'
import type { StoredEvent } from '../../topics/topic-log.ts'
import type { PeekOptions } from '../../topics/topic-operations.ts'
import type { CommandInput } from '../command.ts'
import { wholeNumber } from '../option-values.ts'
import type { Action } from '../action.ts'
import { groupIn, maxIn, onlyTopic, timeIn, timeText } from './topic-arguments.ts'

/** `tenfold topics peek`. */
export const peekTopic: Action = async (input, control) => {
  const { terminal, options, signal } = input
  const topic = onlyTopic('peek', input.names)
  const partition =
    typeof options['partition'] === 'string' ? wholeNumber('--partition', options['partition']) : undefined
  const wanted = { topic, max: maxIn(input), which: whichIn(input), ...(partition === undefined ? {} : { partition }) }
  const events = await control.command<readonly StoredEvent[]>('topic-peek', wanted, { signal })
  if (options['json'] === true) terminal.out(JSON.stringify(events))
  else terminal.out(events.length === 0 ? 'no events' : events.map(eventView).join('\n'))
}

function whichIn(input: CommandInput): PeekOptions['which'] {
  const group = groupIn(input)
  const { from } = input.options
  if (typeof from !== 'string') return group === undefined ? 'newest' : { group }
  if (group !== undefined) {
    throw new TenfoldError('TF_USAGE', 'expected --group or --from, got both', {
      hint: 'leave out --from to see what the group has not finished',
    })
  }
  const time = timeIn(from, systemClock.epochMs())
  if (time === 'now') return { sinceEpochMs: systemClock.epochMs() }
  return { sinceEpochMs: time === 'beginning' ? 0 : time.epochMs }
}

/** Two lines: where and when, and what. */
export function eventView({ messageId, partition, id, key, headers, payload, publishedEpochMs }: StoredEvent): string {
  const place = `${timeText(publishedEpochMs)}  partition ${partition}  ${id}  ${messageId}`
  const named = Object.entries(headers).map(([name, value]) => `${name}=${value}`)
  return `${place}${key === undefined ? '' : `  key ${key}`}${named.length === 0 ? '' : `  ${named.join(' ')}`}\n  ${payload}`
}
