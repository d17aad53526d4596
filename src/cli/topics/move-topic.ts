import type { ControlClient } from '../../control/control-client.ts'
import { TenfoldError } from '../../core/errors.ts'
import type { MoveStep, TopicMoveStatus } from '../../runtime/move-topic.ts'
import type { Action } from '../action.ts'
import { onlyTopic } from './topic-arguments.ts'

/** Places that are named before it is only said how many there are. */
const PLACES_SHOWN = 8

/** `tenfold topics move`: begins, or says how far it is; `--finish` and `--back` end it, one way or the other. */
export const moveTopicAction: Action = async ({ names, terminal, options, signal }, control) => {
  const topic = onlyTopic('move', names)
  const step = stepOf(options)
  if (options['yes'] !== true && step in UNDONE) {
    throw new TenfoldError('TF_USAGE', `expected --yes: ${UNDONE[step as keyof typeof UNDONE]}`, {
      hint: 'repeat the command with --yes',
    })
  }
  const status = await ask(control, { topic, step, signal })
  const isDry = options['dry-run'] === true
  terminal.out(options['json'] === true ? JSON.stringify(status) : moveView(status, { isDry }))
}

const UNDONE = {
  finish: 'what was published before the move may be dropped in PostgreSQL, and there is no way back then',
  back: 'groups see again what they handled in the other engine, but for effects that their inbox knows',
} as const

/** @throws TF_USAGE */
function stepOf(options: Readonly<Record<string, unknown>>): MoveStep {
  const given = (['dry-run', 'finish', 'back'] as const).filter((name) => options[name] === true)
  const [step = 'begin', ...more] = given
  if (more.length === 0) return step === 'dry-run' ? 'look' : step
  throw new TenfoldError('TF_USAGE', `expected one of --dry-run, --finish and --back, got ${given.length}`, {
    hint: 'leave out all but one',
  })
}

function ask(
  control: ControlClient,
  { signal, ...input }: { readonly topic: string; readonly step: MoveStep; readonly signal: AbortSignal },
): Promise<TopicMoveStatus> {
  return control.command<TopicMoveStatus>('topic-move', input, { signal })
}

/** What the state is, and what comes next. */
export function moveView(
  { topic, to, move, undrained }: TopicMoveStatus,
  { isDry = false }: { readonly isDry?: boolean } = {},
): string {
  const command = `npx tenfold topics move ${topic}`
  switch (move) {
    case 'none':
    case 'returned': {
      const next = isDry ? `"${command}" begins to move it to ${to}` : `"${command}" begins again`
      return `${topic} is in PostgreSQL: ${next}.`
    }
    case 'moving': {
      const going = `What is published to ${topic} goes to ${to} now.`
      if (undrained.length === 0) {
        return `${going} Every group has read what was there before: "${command} --finish --yes" lets go of it, "${command} --back --yes" takes it back.`
      }
      const shown = undrained.slice(0, PLACES_SHOWN).join(', ')
      const more = undrained.length > PLACES_SHOWN ? ` and ${undrained.length - PLACES_SHOWN} more` : ''
      return `${going} Groups that still read what was there before: ${shown}${more}. Repeat the command to see how far they are.`
    }
    case 'moved':
      return `${topic} is in ${to}.`
  }
}
