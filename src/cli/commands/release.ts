import type { RequestMatch } from '../../blueprint/resolved-traffic.ts'
import { isDuration, parseDuration } from '../../core/duration.ts'
import { TenfoldError } from '../../core/errors.ts'
import { namedSystem } from '../blueprint-argument.ts'
import type { Command, CommandInput } from '../command.ts'
import { EXIT, SERVICES_ARGUMENT, SYSTEM_OPTION } from '../command.ts'
import { followWhile } from '../follow-while.ts'
import type { ReleasedServices } from '../release-view.ts'
import { releasedView, releasesView } from '../release-view.ts'

/** Longer than any hold. */
const TIMEOUT_MS = 7 * 86_400_000
const HOLD_DEFAULT = '2m'

/** `tenfold release`: bring the sources as they are now into a running system. */
export const release: Command = {
  name: 'release',
  summary: 'replace the instances of a running system by those of the sources as they are now',
  description:
    'Takes a snapshot of the sources and replaces instances without a failed request: a new one starts, is ready, gets\n' +
    'requests, and an old one finishes its own and leaves. New migrations are applied first; the blueprint stays (see\n' +
    'apply). When new instances do not become ready, or break the objective of their service while they are watched, what\n' +
    'ran before goes on. A release goes on when this command is\n' +
    'interrupted; "tenfold rollback" ends it. The last three releases of each service are kept to go back to.',
  argument: SERVICES_ARGUMENT,
  options: {
    ...SYSTEM_OPTION,
    canary: {
      type: 'string',
      value: 'SHARE',
      description: 'first let some instances of it have this share of the requests, such as 10%',
    },
    match: {
      type: 'string',
      value: 'HEADER',
      description: "all requests with it go there as well: 'x-canary: 1', or 'cookie: canary=1'",
    },
    hold: { type: 'string', value: 'DURATION', description: 'for how long, service by service (default: 2m)' },
    watch: {
      type: 'string',
      value: 'DURATION',
      description: 'roll back when its objective burns, for so long (default: 30s where there is an objective)',
    },
    list: { type: 'boolean', description: 'show the releases that services ran, and do nothing' },
  },
  examples: [
    ['npx tenfold release', 'everything'],
    ['npx tenfold release api', 'only the service api'],
    ['npx tenfold release --canary 10% --hold 5m', 'a tenth of the requests for five minutes, then all'],
    ["npx tenfold release --canary 1% --match 'x-canary: 1'", 'the same, with everything that testers send'],
    ['npx tenfold release --list', 'what ran, and what became of it?'],
  ],
  async run(input) {
    const { terminal, options, names, signal } = input
    const isJson = options['json'] === true
    const { control } = await namedSystem({ ...input, argument: String(options['system'] ?? '.') })
    if (options['list'] === true) {
      const { services } = await control.snapshot({ signal })
      const chosen = Object.values(services).filter(({ name }) => names.length === 0 || names.includes(name))
      const releases = Object.fromEntries(chosen.map((service) => [service.name, service.releases ?? []]))
      terminal.out(isJson ? JSON.stringify(releases) : releasesView(releases, terminal.style))
      return EXIT.success
    }
    const request = { services: names, ...trialOf(options) }
    const releasing = control.command<ReleasedServices>('release', request, { signal, timeoutMs: TIMEOUT_MS })
    const released = await followWhile(releasing, control, terminal, signal)
    if (isJson) terminal.out(JSON.stringify(released))
    else terminal.out(releasedView(released, 'Nothing to release: all run the sources as they are.'))
    return EXIT.success
  },
}

/** How it is tried and watched, as the control plane is asked. */
function trialOf({ canary, hold, match, watch }: CommandInput['options']): object {
  const alone = hold === undefined ? (match === undefined ? undefined : '--match') : '--hold'
  if (canary === undefined && alone !== undefined) {
    throw new TenfoldError('TF_USAGE', `expected ${alone} with --canary, got it alone`, {
      hint: alone === '--hold' ? 'add --canary 10%, or use --watch' : 'add --canary 1%',
    })
  }
  return {
    ...(canary === undefined
      ? {}
      : {
          canary: {
            share: shareOf(String(canary)),
            holdMs: msOf('hold', hold ?? HOLD_DEFAULT),
            ...(match === undefined ? {} : { match: matchOf(String(match)) }),
          },
        }),
    ...(watch === undefined ? {} : { watchMs: msOf('watch', watch) }),
  }
}

function shareOf(text: string): number {
  const percent = Number(/^(\d+(?:\.\d+)?)%$/.exec(text)?.[1] ?? Number.NaN)
  if (percent >= 0.1 && percent <= 90) return percent / 100
  throw new TenfoldError('TF_USAGE', `expected --canary to be 0.1% to 90%, got ${JSON.stringify(text)}`, {
    hint: 'for all requests at once, leave it out',
  })
}

function matchOf(text: string): RequestMatch {
  const [, name = '', value = ''] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}):\s*([ -~]{0,199}[!-~])$/.exec(text) ?? []
  if (name.toLowerCase() !== 'cookie' && name !== '') return { key: { header: name.toLowerCase() }, value }
  const [, cookie, content] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]{1,100})=([^\s;,"]+)$/.exec(value) ?? []
  if (cookie !== undefined && content !== undefined) return { key: { cookie }, value: content }
  throw new TenfoldError('TF_USAGE', `expected --match to be a header and its value, got ${JSON.stringify(text)}`, {
    hint: "write 'x-canary: 1', or 'cookie: canary=1'",
  })
}

function msOf(option: string, text: unknown): number {
  if (isDuration(text) && parseDuration(text) <= 86_400_000) return parseDuration(text)
  throw new TenfoldError(
    'TF_USAGE',
    `expected --${option} to be a duration of a day at most, got ${JSON.stringify(text)}`,
    {
      hint: "write '30s', '5m' or '1h'",
    },
  )
}
