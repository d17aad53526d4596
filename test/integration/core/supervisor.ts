/** A program for tests: starts two children, says so, and waits to be killed. Arguments: directory, token, ephemeral. */
import { join } from 'node:path'
import { createSubprocesses } from '../../../src/core/subprocesses.ts'

const [directory = '', runToken = '', isEphemeral] = process.argv.slice(2)
const subprocesses = await createSubprocesses({
  recordFile: join(directory, 'children.json'),
  runToken,
  isEphemeral: isEphemeral === 'ephemeral',
})
const outputFile = join(directory, 'output.log')
const env = { PATH: process.env['PATH'] ?? '' }
/** Deaf to SIGTERM, with a grandchild in its group, one in a group of its own, and a daemon nobody is parent of. */
const family = "trap '' TERM; sleep 601 & setsid sleep 602 & (setsid sleep 603 &) ; wait; wait; sleep 604"
const handover = { sameness: 'the family', notes: { port: 4711 } }
await subprocesses.spawn({ name: 'family', command: 'sh', args: ['-c', family], env, outputFile, handover })
await subprocesses.spawn({ name: 'polite', command: 'sleep', args: ['605'], env, outputFile })
process.stdout.write('started\n')
setInterval(() => {}, 1_000)
