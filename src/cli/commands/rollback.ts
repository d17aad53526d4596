import { namedSystem } from '../blueprint-argument.ts'
import type { Command } from '../command.ts'
import { EXIT, SERVICES_ARGUMENT, SYSTEM_OPTION } from '../command.ts'
import { followWhile } from '../follow-while.ts'
import type { ReleasedServices } from '../release-view.ts'
import { releasedView } from '../release-view.ts'

/** `tenfold rollback`: back to the release that ran before. */
export const rollback: Command = {
  name: 'rollback',
  summary: 'go back to the release that ran before, or end one that is under way',
  description:
    'Replaces instances as "tenfold release" does, by those of the release before, which is still on the disk. Without\n' +
    'names: of the services that the last release changed. Again: one further back. Databases stay as they are, and so\n' +
    'does the blueprint. While a release is under way it ends that one, which goes back by itself.',
  argument: SERVICES_ARGUMENT,
  options: {
    ...SYSTEM_OPTION,
    to: { type: 'string', value: 'RELEASE', description: 'this release, by its first digits (release --list)' },
  },
  examples: [
    ['npx tenfold rollback', 'undo the last release'],
    ['npx tenfold rollback api --to 4f2a91c0', 'a certain one'],
  ],
  async run(input) {
    const { terminal, options, names: services, signal } = input
    const { control } = await namedSystem({ ...input, argument: String(options['system'] ?? '.') })
    const { to } = options
    const goingBack = control.command<ReleasedServices>(
      'rollback',
      { services, ...(to === undefined ? {} : { to }) },
      { signal },
    )
    const outcome = await followWhile(goingBack, control, terminal, signal)
    if (options['json'] === true) terminal.out(JSON.stringify(outcome))
    else terminal.out(releasedView(outcome, 'Nothing to go back to: all run it already.'))
    return EXIT.success
  },
}
