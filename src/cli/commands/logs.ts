import { didYouMean } from '../../core/did-you-mean.ts'
import { TenfoldError } from '../../core/errors.ts'
import { namedSystem } from '../blueprint-argument.ts'
import type { Command } from '../command.ts'
import { BLUEPRINT_ARGUMENT, EXIT } from '../command.ts'
import type { Terminal } from '../terminal.ts'

const COLOURS = ['cyan', 'magenta', 'yellow', 'green', 'blue'] as const

/** `tenfold logs`: what do the instances say? */
export const logs: Command = {
  name: 'logs',
  summary: 'print what the instances of a running system have said',
  description: 'Each line is prefixed with its instance. Older lines come first, instance by instance.',
  argument: BLUEPRINT_ARGUMENT,
  options: {
    service: { type: 'string', value: 'NAME', description: 'only this service' },
    instance: { type: 'string', value: 'ID', description: 'only this instance, for example api-1' },
    tail: { type: 'string', value: 'NUMBER', description: 'how many lines of each instance at most (default: 100)' },
    follow: { type: 'boolean', description: 'go on with new lines until Ctrl-C' },
  },
  examples: [['npx tenfold logs --service api --follow', 'watch one service']],
  async run(input) {
    const { control, blueprint } = await namedSystem(input)
    const { terminal, options, signal } = input
    const { service, instance, tail } = options
    if (typeof service === 'string' && !Object.hasOwn(blueprint.services, service)) {
      const known = Object.keys(blueprint.services)
      const meant = didYouMean(service, known)
      throw usage(
        `expected --service to be one of ${known.join(', ')}, got ${JSON.stringify(service)}` +
          (meant === undefined ? '' : `, did you mean ${meant}?`),
      )
    }
    const lines = control.logs({
      service: typeof service === 'string' ? service : undefined,
      instance: typeof instance === 'string' ? instance : undefined,
      tail: typeof tail === 'string' ? wholeNumber(tail) : undefined,
      follow: options['follow'] === true,
      signal,
    })
    for await (const line of lines) {
      terminal.out(options['json'] === true ? JSON.stringify(line) : `${prefix(line.instance, terminal)} ${line.line}`)
    }
    return EXIT.success
  },
}

/** The same colour for the same instance, whoever speaks first. */
function prefix(instance: string, { style }: Terminal): string {
  const sum = [...instance].reduce((total, letter) => total + letter.codePointAt(0)!, 0)
  return style(COLOURS[sum % COLOURS.length]!, `${instance} |`)
}

function wholeNumber(text: string): number {
  if (/^\d{1,5}$/.test(text)) return Number(text)
  throw usage(`expected --tail to be a whole number below 100000, got ${JSON.stringify(text)}`)
}

function usage(message: string): TenfoldError {
  return new TenfoldError('TF_USAGE', message, { hint: 'run "tenfold logs --help"' })
}
