import type { ControlClient } from '../../control/control-client.ts'
import { LOG_TAIL_MAX, TRACES_MAX } from '../../control/control-server.ts'
import type { LogLine } from '../../control/log-source.ts'
import { traceIdIn } from '../../control/trace-id.ts'
import { systemClock } from '../../core/clock.ts'
import { didYouMean } from '../../core/did-you-mean.ts'
import { isDuration, parseDuration } from '../../core/duration.ts'
import { TenfoldError } from '../../core/errors.ts'
import { namedSystem } from '../blueprint-argument.ts'
import type { Command, CommandInput } from '../command.ts'
import { BLUEPRINT_ARGUMENT, EXIT } from '../command.ts'
import type { Terminal } from '../terminal.ts'
import { traceView } from '../trace-view.ts'
import { tracesView } from '../traces-view.ts'

/** Of the traces that fit. */
const TRACES_SHOWN = 20

const COLOURS = ['cyan', 'magenta', 'yellow', 'green', 'blue'] as const

/** `tenfold logs`: what do the instances say? */
export const logs: Command = {
  name: 'logs',
  summary: 'print what the instances of a running system have said',
  description:
    'Each line is prefixed with its instance. Older lines come first, instance by instance. The time of a line is the one\n' +
    'it says itself: "time", "timestamp", "ts" or "@timestamp" of a JSON object, or ISO 8601 at its beginning. One that\n' +
    'says none is from the time of the line before it, or, with --follow, from when it was read.\n\n' +
    'With --trace the spans of the trace come with its lines, as a tree. The id of a trace is in x-request-id of every\n' +
    'answer, unless the client has chosen that itself; --traces lists those that are kept.',
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
    trace: { type: 'string', value: 'ID', description: 'what is kept of this trace or request id, and lines with it' },
    traces: {
      type: 'boolean',
      description: 'list the traces that are kept, slowest first (--service, --since, --tail)',
    },
    follow: { type: 'boolean', description: 'go on with new lines until Ctrl-C' },
  },
  examples: [
    ['npx tenfold logs --service api --follow', 'watch one service'],
    ['npx tenfold logs --since 5m --grep ERROR', 'what went wrong in the last five minutes'],
    ['npx tenfold logs --traces --since 1h', 'the slowest requests of the last hour whose trace is kept'],
  ],
  async run(input) {
    const { control, blueprint } = await namedSystem(input)
    const { options, signal } = input
    const { service, instance, tail, since, grep, trace } = options
    const isFollowed = options['follow'] === true
    const isFiltered = [since, grep, trace].some((filter) => typeof filter === 'string')
    if (typeof service === 'string' && !Object.hasOwn(blueprint.services, service)) {
      const known = Object.keys(blueprint.services)
      const meant = didYouMean(service, known)
      throw usage(
        `expected --service to be one of ${known.join(', ')}, got ${JSON.stringify(service)}` +
          (meant === undefined ? '' : `, did you mean ${meant}?`),
      )
    }
    if (options['traces'] === true) return await listTraces(input, control)
    const lines = control.logs({
      service: typeof service === 'string' ? service : undefined,
      instance: typeof instance === 'string' ? instance : undefined,
      tail: typeof tail === 'string' ? wholeNumber(tail) : isFiltered ? LOG_TAIL_MAX : undefined,
      since: typeof since === 'string' ? systemClock.epochMs() - ageMs(since) : undefined,
      grep: typeof grep === 'string' ? grep : undefined,
      trace: typeof trace === 'string' ? trace : undefined,
      follow: isFollowed,
      signal,
    })
    // Of a trace that goes on nobody knows the tree yet.
    if (typeof trace === 'string' && !isFollowed) return await showTrace(trace, lines, input, control)
    for await (const line of lines) {
      printLine(line, input)
    }
    return EXIT.success
  },
}

function printLine(line: LogLine, { terminal, options }: CommandInput): void {
  terminal.out(
    options['json'] === true ? JSON.stringify(withFields(line)) : `${prefix(line.instance, terminal)} ${line.line}`,
  )
}

/** The spans that are kept and the lines, as a tree; where there are no spans, the lines. */
async function showTrace(
  asked: string,
  lines: AsyncIterable<LogLine>,
  input: CommandInput,
  control: ControlClient,
): Promise<number> {
  const { terminal, options, signal } = input
  const traceId = traceIdIn(asked)
  const [spans, said] = await Promise.all([
    traceId === undefined ? [] : control.trace(traceId, signal),
    Array.fromAsync(lines),
  ])
  if (options['json'] === true) for (const span of spans) terminal.out(JSON.stringify(span))
  else if (traceId !== undefined && spans.length > 0) {
    const textMax = terminal.isInteractive ? Math.max(40, terminal.columns - 60) : Infinity
    terminal.out(traceView({ traceId, spans, lines: said }, terminal.style, textMax))
    return EXIT.success
  }
  for (const line of said) printLine(line, input)
  if (spans.length > 0) return EXIT.success
  terminal.note(`no span is kept of ${asked}${said.length === 0 ? ', and no line holds it' : ''}`)
  terminal.note(
    'Next: "tenfold logs --traces" lists the traces that are kept; one that has just ended takes two seconds',
  )
  return EXIT.success
}

async function listTraces({ terminal, options, signal }: CommandInput, control: ControlClient): Promise<number> {
  const { service, since, tail } = options
  const traces = await control.traces(
    {
      sinceEpochMs: typeof since === 'string' ? systemClock.epochMs() - ageMs(since) : 0,
      service: typeof service === 'string' ? service : undefined,
      limit: typeof tail === 'string' ? Math.min(TRACES_MAX, wholeNumber(tail)) : TRACES_SHOWN,
    },
    signal,
  )
  if (options['json'] === true) for (const trace of traces) terminal.out(JSON.stringify(trace))
  else if (traces.length > 0) terminal.out(tracesView(traces, terminal.style))
  else terminal.note('no trace is kept that fits')
  return EXIT.success
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
