import { namedSystem } from '../blueprint-argument.ts'
import type { Command } from '../command.ts'
import { BLUEPRINT_ARGUMENT } from '../command.ts'
import { REHEARSAL_OPTIONS, runRehearsal } from '../run-rehearsal.ts'

/** `tenfold rehearse`: does the system hold its peak? */
export const rehearse: Command = {
  name: 'rehearse',
  summary: 'put a running system under its peak, and judge its objectives',
  description:
    'Plays the load of the blueprint against the running system: sessions arrive on their own clock, whatever the\n' +
    'system does, and every latency counts from the moment a user meant to send. The report is printed and kept in\n' +
    'the state directory. Exit status 0 only when every objective is met and the measurement can be trusted.',
  argument: BLUEPRINT_ARGUMENT,
  options: REHEARSAL_OPTIONS,
  examples: [
    ['npx tenfold rehearse', 'the peak as the blueprint has it'],
    ['npx tenfold rehearse --times 2 --duration 60s', 'twice the peak for a minute'],
  ],
  async run(input) {
    const { blueprint, control } = await namedSystem(input)
    return runRehearsal(input, blueprint, control)
  },
}
