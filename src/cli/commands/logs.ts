import type { LogLine } from '../../control/log-source.ts'
import { LOG_TAIL_MAX } from '../../control/control-server.ts'
import { systemClock } from '../../core/clock.ts'
import { didYouMean } from '../../core/did-you-mean.ts'
import { isDuration, parseDuration } from '../../core/duration.ts'
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
  description:
    'Each line is prefixed with its instance. Older lines come first, instance by instance. The time of a line is the one\n' +
    'it says itself: "time", "timestamp", "ts" or "@timestamp" of a JSON object, or ISO 8601 at its beginning. One that\n' +
    'says none is from the time of the line before it, or, with --follow, from when it was read.',
  argument: BLUEPRINT_ARGUMENT,
  options: {
    service: { type: 'string', value: 'NAME', description: 'only this service' },
    instance: { type: 'string', value: 'ID', description: 'only this instance, for example api-1' },
    tail: {
      type: 'string',
      value: 'NUMBER',
      description: 'how many lines of each instance at most (default: 100; all with a filter)',
    },
    since: { type: 'string', value: 'DURATION', description: 'only lines of the last 30s, 5m, 2h …' },
    grep: { type: 'string', value: 'TEXT', description: 'only lines that hold this text, as it is' },
    trace: { type: 'string', value: 'ID', description: 'only lines that hold this trace or request id' },
    follow: { type: 'boolean', description: 'go on with new lines until Ctrl-C' },
  },
  examples: [
    ['npx tenfold logs --service api --follow', 'watch one service'],
    ['npx tenfold logs --since 5m --grep ERROR', 'what went wrong in the last five minutes'],
  ],
  async run(input) {
    const { control, blueprint } = await namedSystem(input)
    const { terminal, options, signal } = input
    const { service, instance, tail, since, grep, trace } = options
    const isFiltered = [since, grep, trace].some((filter) => typeof filter === 'string')
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
      tail: typeof tail === 'string' ? wholeNumber(tail) : isFiltered ? LOG_TAIL_MAX : undefined,
      since: typeof since === 'string' ? systemClock.epochMs() - ageMs(since) : undefined,
      grep: typeof grep === 'string' ? grep : undefined,
      trace: typeof trace === 'string' ? trace : undefined,
      follow: options['follow'] === true,
      signal,
    })
    for await (const line of lines) {
      terminal.out(
        options['json'] === true ? JSON.stringify(withFields(line)) : `${prefix(line.instance, terminal)} ${line.line}`,
      )
    }
    return EXIT.success
  },
}

/** What a line of JSON says, beside the line itself. */
function withFields(line: LogLine): LogLine & { readonly fields?: unknown } {
  if (!line.line.startsWith('{')) return line
  try {
    return { ...line, fields: JSON.parse(line.line) as unknown }
  } catch {
    // It only looks like JSON.
    return line
  }
}

function ageMs(text: string): number {
  if (isDuration(text)) return parseDuration(text)
  throw usage(`expected --since to be a duration such as 30s, 5m or 2h, got ${JSON.stringify(text)}`)
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
