/**
 * A control plane in little, as a process: opens the state in the directory given, serves the control socket, and says
 * so on standard output; or says why not. `--race` waits for a line on standard input first, so that several can begin
 * at once.
 */
import { once } from 'node:events'
import { z } from 'zod'
import { controlCommand } from '../../../src/control/control-command.ts'
import { createControlServer } from '../../../src/control/control-server.ts'
import { createFrameStore } from '../../../src/control/frame-store.ts'
import { createSnapshotStore } from '../../../src/control/snapshot-store.ts'
import { openStateDirectory } from '../../../src/control/state-directory.ts'
import { systemClock } from '../../../src/core/clock.ts'
import { TenfoldError } from '../../../src/core/errors.ts'
import { silentLogs, snapshotForTests } from '../../control/snapshot-for-tests.ts'

const [directory = '', mode] = process.argv.slice(2)
const say = (value: object): void => void process.stdout.write(`${JSON.stringify(value)}\n`)

if (mode === '--race') {
  say({ ready: true })
  await once(process.stdin, 'data')
}
try {
  const clock = systemClock
  const blueprint = { directory, name: 'shop', configuration: 'tenfold' }
  const state = await openStateDirectory({ blueprint, clock })
  const snapshots = createSnapshotStore(snapshotForTests({ pid: process.pid, run: String(process.pid) }))
  let added = 0
  const server = createControlServer({
    series: { series: () => Promise.resolve([]), trace: () => Promise.resolve([]), traces: () => Promise.resolve([]) },
    socket: state.controlSocket,
    auditFile: state.auditFile,
    snapshots,
    logs: silentLogs,
    frames: createFrameStore({ clock }),
    clock,
    commands: {
      add: controlCommand({
        input: z.strictObject({}),
        async run() {
          added += 1
          const mine = added
          await new Promise((resolve) => setTimeout(resolve, 50))
          return mine
        },
      }),
    },
  })
  await server.start()
  await state.recordRun({ run: String(process.pid), startedEpochMs: clock.epochMs() })
  say({ opened: state.directory, socket: state.controlSocket })
  process.stdin.resume()
  await once(process.stdin, 'end')
  await server.stop()
  await state.close()
} catch (error) {
  if (!(error instanceof TenfoldError)) throw error
  say({ error })
  process.exitCode = 1
}
