/**
 * A program, not a module to import: one process per ephemeral system, started by `guardian-link.ts`. It reads on its
 * input whom to watch; when the input ends, we that started it are gone, also by kill -9, and it takes everybody down
 * that it watches, and whoever carries the mark of the run. Then it leaves. Signals do not end it.
 */
import { createInterface } from 'node:readline'
import { systemClock } from './clock.ts'
import { processesInside, removeGroups } from './control-group.ts'
import type { GuardianMessage, Ward } from './guardian-link.ts'
import { readProcess } from './process-identity.ts'
import { environmentOf, RUN_VARIABLE } from './process-table.ts'
import { GRACE_MS_DEFAULT, takeDown } from './take-down.ts'

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})

// Whoever started us may be dead before we say that we are ready: then nobody reads it, which must not end us.
process.stdout.on('error', () => {})

const wards = new Map<number, Ward>()
let runToken: string | undefined

const lines = createInterface({ input: process.stdin })
lines.on('line', (line) => {
  const message = parse(line)
  if (message === undefined) return
  if (message.type === 'run') runToken = message.runToken
  else if (message.type === 'watch') wards.set(message.ward.pid, message.ward)
  else wards.delete(message.pid)
})
lines.on('close', () => void endAll())
process.stdout.write('ready\n')

/** We may be handed half a line by somebody who died while writing. */
function parse(line: string): GuardianMessage | undefined {
  try {
    return JSON.parse(line) as GuardianMessage
  } catch {
    return undefined
  }
}

async function endAll(): Promise<void> {
  const killAtMs = systemClock.nowMs() + GRACE_MS_DEFAULT
  // A leader that is not there any more may have given its pid away: then only the mark tells who belongs.
  const roots = [...wards.values()].filter((ward) => readProcess(ward.pid)?.startTime === ward.startTime)
  const groups = [...wards.values()].flatMap((ward) => ward.controlGroups)
  const mark = (): ((pid: number) => boolean) => {
    const inside = processesInside(groups)
    return (pid) => inside.has(pid) || (runToken !== undefined && environmentOf(pid, RUN_VARIABLE) === runToken)
  }
  try {
    await takeDown({
      clock: systemClock,
      name: 'everything of the run',
      roots,
      mark,
      signal: (member) => wards.get(member.pid)?.stopSignal ?? 'SIGTERM',
      killAtMs: () => killAtMs,
    })
    removeGroups(groups)
  } finally {
    // A process stuck in the kernel must not keep us for ever; the next start finds it in the record.
    process.exit(0)
  }
}
