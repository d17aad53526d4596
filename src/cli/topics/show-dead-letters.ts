import type { GroupLetters } from '../../runtime/topic-operating.ts'
import type { DeadLetter } from '../../topics/dead-letters.ts'
import type { Terminal } from '../terminal.ts'
import { eventView } from './peek-topic.ts'
import type { Action } from '../action.ts'
import { groupIn, maxIn, onlyTopic, timeText } from './topic-arguments.ts'

/** `tenfold topics dead`. */
export const showDeadLetters: Action = async (input, control) => {
  const { terminal, options, signal } = input
  const topic = onlyTopic('dead', input.names)
  const wanted = { topic, group: groupIn(input), max: maxIn(input) }
  const groups = await control.command<readonly GroupLetters[]>('topic-dead', wanted, { signal })
  if (options['json'] === true) terminal.out(JSON.stringify(groups))
  else terminal.out(lettersView(topic, groups, terminal.style))
}

/** The oldest letters of each group, and what to do about them. */
export function lettersView(topic: string, groups: readonly GroupLetters[], style: Terminal['style']): string {
  const some = groups.filter(({ letters }) => letters.length > 0)
  if (some.length === 0) return 'no dead letters'
  return some
    .flatMap(({ group, letters }) => [
      style('bold', group),
      ...letters.map((letter) => letterView(letter, style)),
      style('dim', `try them again: tenfold topics redrive ${topic} --group ${group} --all`),
    ])
    .join('\n')
}

function letterView(letter: DeadLetter, style: Terminal['style']): string {
  const { state, attempts, cause, failedEpochMs, isBlocking } = letter
  const tried = attempts === 0 ? 'never tried' : `tried ${attempts} time${attempts === 1 ? '' : 's'}`
  const what = { dead: style('red', 'dead'), waiting: style('yellow', 'waiting'), due: 'to be tried again' }[state]
  const blocks = isBlocking && state === 'dead' ? ', later events of its key wait' : ''
  return `${eventView(letter)}\n  ${what}, ${tried}, ${timeText(failedEpochMs)}${blocks}: ${cause}`
}
