import { namedSystem } from '../blueprint-argument.ts'
import type { Command } from '../command.ts'
import { EXIT, SERVICES_ARGUMENT, SYSTEM_OPTION } from '../command.ts'
import { followWhile } from '../follow-while.ts'
import type { ReleasedServices } from '../release-view.ts'
import { releasedView, releasesView } from '../release-view.ts'

/** `tenfold release`: bring the sources as they are now into a running system. */
export const release: Command = {
  name: 'release',
  summary: 'replace the instances of a running system by those of the sources as they are now',
  description:
    'Takes a snapshot of the sources and replaces instances without a failed request: a new one starts, is ready, gets\n' +
    'requests, and an old one finishes its own and leaves. New migrations are applied first; the blueprint stays (see\n' +
    'apply). When new instances do not become ready, what ran before goes on. A release goes on when this command is\n' +
    'interrupted; "tenfold rollback" ends it. The last three releases of each service are kept to go back to.',
  argument: SERVICES_ARGUMENT,
  options: {
    ...SYSTEM_OPTION,
    list: { type: 'boolean', description: 'show the releases that services ran, and do nothing' },
  },
  examples: [
    ['npx tenfold release', 'everything'],
    ['npx tenfold release api', 'only the service api'],
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
    const releasing = control.command<ReleasedServices>('release', { services: names }, { signal })
    const released = await followWhile(releasing, control, terminal, signal)
    if (isJson) terminal.out(JSON.stringify(released))
    else terminal.out(releasedView(released, 'Nothing to release: all run the sources as they are.'))
    return EXIT.success
  },
}
