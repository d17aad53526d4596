import { connectControl } from '../../control/control-client.ts'
import type { System } from '../../runtime/system.ts'
import { createSystem } from '../../runtime/system.ts'
import type { ResolvedBlueprint } from '../../blueprint/resolved-blueprint.ts'
import { didYouMean } from '../../core/did-you-mean.ts'
import { hasCode, TenfoldError } from '../../core/errors.ts'
import { namedBlueprint } from '../blueprint-argument.ts'
import type { Command, CommandInput, ExitCode } from '../command.ts'
import { BLUEPRINT_ARGUMENT, EXIT } from '../command.ts'
import { startDetached } from '../detached.ts'
import { followStart } from '../follow-start.ts'
import { REHEARSAL_OPTIONS, rehearsalRequest, runRehearsal } from '../run-rehearsal.ts'
import { statusView } from '../status-view.ts'
import { watchSources } from '../watch-sources.ts'

/** `tenfold up`: run the system. */
export const up: Command = {
  name: 'up',
  summary: 'run a system on this machine until Ctrl-C',
  description:
    'Starts databases, gateway and services as the blueprint describes them and keeps them running. Data of an\n' +
    'earlier run is found as it was left. Ctrl-C stops everything in order; a second Ctrl-C kills it at once.',
  argument: BLUEPRINT_ARGUMENT,
  options: {
    port: { type: 'string', value: 'NUMBER', description: "port of the gateway (default: the blueprint's, or 8080)" },
    detach: { type: 'boolean', description: 'return when it runs, and leave it running; "tenfold down" stops it' },
    watch: { type: 'boolean', description: 'restart what changes with each save: for development' },
    inspect: { type: 'string', value: 'SERVICE', description: 'let one instance of it listen for a debugger' },
    'time-scale': {
      type: 'string',
      value: 'N',
      description: 'let the autoscaler decide as if time ran N times as fast, 1 to 60, to watch it',
    },
    ephemeral: { type: 'boolean', description: 'take everything down also when this process is killed' },
    rehearse: { type: 'boolean', description: 'rehearse the peak once everything runs' },
    once: {
      type: 'boolean',
      description: 'end after the rehearsal, with its result as the exit status (implies --ephemeral)',
    },
    ...REHEARSAL_OPTIONS,
  },
  examples: [
    ['npx tenfold up', 'the system of this directory'],
    ['npx tenfold up --watch', 'restart on save, for development'],
    ['npx tenfold up --detach', 'in the background'],
    ['npx tenfold up --rehearse --once', 'start, rehearse, stop: for CI'],
  ],
  async run(input) {
    const blueprint = withPort(await namedBlueprint(input), input.options['port'])
    // Wrong options are said before anything starts.
    checkCombination(input.options)
    inspectedService(input.options['inspect'], blueprint)
    timeScale(input.options['time-scale'])
    if (isRehearsed(input)) rehearsalRequest(input.options, blueprint)
    return input.options['detach'] === true ? startDetached(input, blueprint) : runHere(input, blueprint)
  },
}

function checkCombination(options: CommandInput['options']): void {
  if (options['watch'] !== true) return
  const other = ['detach', 'once'].find((name) => options[name] === true)
  if (other === undefined) return
  throw new TenfoldError('TF_USAGE', `expected --watch or --${other}, got both`, { hint: 'leave one of them out' })
}

function inspectedService(name: string | boolean | undefined, { services }: ResolvedBlueprint): string | undefined {
  if (typeof name !== 'string') return undefined
  const known = Object.values(services)
    .filter(({ program, schedule }) => program.kind === 'entry' && schedule === undefined)
    .map((service) => service.name)
  if (known.includes(name)) return name
  const meant = didYouMean(name, known)
  const hint = meant === undefined ? "give a command's own --inspect to it" : `did you mean ${meant}?`
  throw new TenfoldError(
    'TF_USAGE',
    `expected --inspect to name a service with an entry (${known.join(', ') || 'there is none'}), got ${JSON.stringify(name)}`,
    { hint },
  )
}

function timeScale(text: string | boolean | undefined): number {
  if (typeof text !== 'string') return 1
  const number = Number(text)
  if (/^\d{1,2}(\.\d+)?$/.test(text) && number >= 1 && number <= 60) return number
  throw new TenfoldError('TF_USAGE', `expected --time-scale to be a number from 1 to 60, got ${JSON.stringify(text)}`, {
    hint: 'write for example --time-scale 10',
  })
}

function isRehearsed({ options }: CommandInput): boolean {
  return options['rehearse'] === true || options['once'] === true
}

async function runHere(input: CommandInput, blueprint: ResolvedBlueprint): Promise<ExitCode> {
  const { terminal, options, signal, hurry } = input
  const isOnce = options['once'] === true
  const system = createSystem({
    blueprint,
    inspect: inspectedService(options['inspect'], blueprint),
    gateway: options['port'] === undefined ? undefined : blueprint.gateway,
    timeScale: timeScale(options['time-scale']),
    isEphemeral: isOnce || options['ephemeral'] === true,
  })
  // Whatever it waits for; a stop that fails is told by the one below.
  hurry.addEventListener('abort', () => void system.stop(0).catch(() => undefined), { once: true })
  try {
    await start(system, input)
    const isJson = options['json'] === true
    if (!isJson) terminal.out(statusView(system.snapshots.current(), terminal.style))
    else if (!isRehearsed(input)) terminal.out(JSON.stringify(system.snapshots.current()))
    const ended = AbortSignal.any([signal, system.stopRequested])
    let outcome: ExitCode = EXIT.success
    if (isRehearsed(input)) {
      if (!isJson) terminal.out('')
      outcome = await runRehearsal({ ...input, signal: ended }, blueprint, connectControl(system.stateDirectory()))
    }
    if (isOnce) return outcome
    const isWatched = options['watch'] === true
    terminal.note(terminal.style('dim', `${isWatched ? 'Watching the sources. ' : ''}Ctrl-C stops everything.`))
    if (isWatched) await watchSources(system, terminal, ended)
    else await aborted(ended)
    return EXIT.success
  } catch (error) {
    // Whoever interrupts knows it; that is no failure to explain.
    if (signal.aborted && hasCode(error, 'TF_ABORTED')) return EXIT.interrupted
    throw error
  } finally {
    terminal.progress(terminal.style('dim', 'stopping …'))
    await system.stop()
    terminal.progress('')
  }
}

/** Starts, and shows how it goes on. */
async function start(system: System, { terminal, signal }: CommandInput): Promise<void> {
  const started = new AbortController()
  const following = followStart(system.snapshots, terminal, started.signal)
  try {
    await system.start(signal)
  } finally {
    started.abort()
    await following
  }
}

function withPort(blueprint: ResolvedBlueprint, port: string | boolean | undefined): ResolvedBlueprint {
  if (typeof port !== 'string') return blueprint
  const number = Number(port)
  if (!/^\d{1,5}$/.test(port) || number > 65_535) {
    throw new TenfoldError('TF_USAGE', `expected --port to be a number from 0 to 65535, got ${JSON.stringify(port)}`, {
      hint: 'write it like --port 8080; 0 takes any free one',
    })
  }
  return { ...blueprint, gateway: { ...blueprint.gateway, port: number, isPortGiven: number !== 0 } }
}

function aborted(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  if (signal.aborted) resolve()
  signal.addEventListener('abort', () => resolve(), { once: true })
  return promise
}
