import { namedSystem } from '../blueprint-argument.ts'
import type { Command } from '../command.ts'
import { BLUEPRINT_ARGUMENT, EXIT } from '../command.ts'
import { statusView } from '../status-view.ts'

/** `tenfold status`: what runs? */
export const status: Command = {
  name: 'status',
  summary: 'show what runs, where, and what is not well',
  description: 'Asks the running system through its control socket. Fails when nothing runs.',
  argument: BLUEPRINT_ARGUMENT,
  options: { watch: { type: 'boolean', description: 'show each change, until Ctrl-C or the end of the system' } },
  examples: [
    ['npx tenfold status', 'once'],
    ['npx tenfold status --json', 'the whole snapshot, for programs'],
  ],
  async run(input) {
    const { control } = await namedSystem(input)
    const { terminal, options, signal } = input
    const isJson = options['json'] === true
    const show = (snapshot: Awaited<ReturnType<typeof control.snapshot>>): void =>
      terminal.out(isJson ? JSON.stringify(snapshot) : statusView(snapshot, terminal.style))
    if (options['watch'] === true) {
      for await (const snapshot of control.watch(signal)) show(snapshot)
    } else {
      show(await control.snapshot({ signal }))
    }
    return EXIT.success
  },
}
