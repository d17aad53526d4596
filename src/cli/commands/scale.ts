import { TenfoldError } from '../../core/errors.ts'
import type { ScalingOutcome } from '../../runtime/system-autoscaler.ts'
import { namedSystem } from '../blueprint-argument.ts'
import type { Command } from '../command.ts'
import { EXIT, SYSTEM_OPTION } from '../command.ts'

/** `tenfold scale`: so many instances, or as many as the autoscaler says. */
export const scale: Command = {
  name: 'scale',
  summary: 'set how many instances of a service run, or leave it to the autoscaler',
  description:
    'With a number the service has that many instances, and the autoscaler leaves it alone. With auto the autoscaler\n' +
    'decides again, at once. Instances that leave finish their requests. It holds until the system stops: what is to\n' +
    'stay belongs into the blueprint.',
  argument: { name: 'SERVICE', description: 'the service' },
  value: { name: 'N|auto', description: 'how many instances; auto: as "scale" in the blueprint says' },
  options: SYSTEM_OPTION,
  examples: [
    ['npx tenfold scale api 4', 'four instances, whatever the load'],
    ['npx tenfold scale api auto', 'as many as the load asks for'],
  ],
  async run(input) {
    const { argument: service, value, terminal, options, signal } = input
    const { system } = options
    const count = countIn(value)
    const { control } = await namedSystem({ ...input, argument: typeof system === 'string' ? system : '.' })
    const outcome = await control.command<ScalingOutcome>('scale', { service, count }, { signal })
    terminal.out(options['json'] === true ? JSON.stringify(outcome) : outcomeLine(outcome))
    return EXIT.success
  },
}

function outcomeLine({ service, mode, count, reason }: ScalingOutcome): string {
  const instances = `${count} instance${count === 1 ? '' : 's'}`
  if (mode === 'manual') return `${service}: ${instances}.`
  return `${service} scales by itself: ${instances}${reason === undefined ? '' : ` (${reason})`}.`
}

function countIn(text: string): number | 'auto' {
  if (text === 'auto') return text
  if (/^\d{1,4}$/.test(text)) return Number(text)
  throw new TenfoldError('TF_USAGE', `expected a number of instances or auto, got ${JSON.stringify(text)}`, {
    hint: 'write for example: tenfold scale api 4',
  })
}
