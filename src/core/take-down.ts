import type { Clock } from './clock.ts'
import { sleep } from './clock.ts'
import { TenfoldError } from './errors.ts'
import { findFamily, keyOf } from './process-family.ts'
import type { ProcessIdentity, ProcessRow } from './process-identity.ts'
import { signalProcess } from './process-identity.ts'
import { readProcessTable } from './process-table.ts'

/** Time that whoever was asked to leave gets where nobody says otherwise. */
export const GRACE_MS_DEFAULT = 1_500

/** Looking costs a few milliseconds, so looks get rarer: 5, 10, 20, 40, 50, 50 … ms. */
const POLL_INTERVAL_MS_MIN = 5
const POLL_INTERVAL_MS_MAX = 50
/** A process that SIGKILL does not end within this time is stuck in the kernel; waiting longer would hang us too. */
const KILL_LIMIT_MS = 10_000

/** Whom to end, and how. */
export interface TakeDownOptions {
  readonly clock: Clock
  /** Who this is in the error. */
  readonly name: string
  readonly roots: readonly ProcessIdentity[]
  /** Asked at every look for a test of who belongs by its environment or its control group. */
  readonly mark: () => (pid: number) => boolean
  /** Who is known to belong already; grows with every look. */
  readonly known?: Set<string>
  /** What asks a member to leave. */
  readonly signal: (member: ProcessRow) => NodeJS.Signals
  /** Clock time (`nowMs`) after which SIGKILL is sent; read at every look, so that it can be brought forward. */
  readonly killAtMs: () => number
}

/**
 * Ends processes and everything that belongs to them, and resolves when no member runs any more. First the roots are
 * asked, who end their own children in their own order (PostgreSQL does not like its workers signalled by others); when
 * no root is left, the rest is asked; when the time is over, all are killed. Zombies count as gone. Never signals a
 * process that it has not identified as a member.
 *
 * @throws TF_TIMEOUT when a process survives SIGKILL, which only one that hangs in the kernel does
 */
export async function takeDown(options: TakeDownOptions): Promise<void> {
  const { clock } = options
  const known = options.known ?? new Set<string>()
  const asked = new Set<string>()
  let family: readonly ProcessRow[] = []
  let killedSinceMs: number | undefined
  for (let pollMs = POLL_INTERVAL_MS_MIN; ; pollMs = Math.min(pollMs * 2, POLL_INTERVAL_MS_MAX)) {
    const mustKill = clock.nowMs() >= options.killAtMs()
    if (mustKill) killedSinceMs ??= clock.nowMs()
    try {
      family = look(options, known)
      if (family.length === 0) return
      if (mustKill) for (const member of family) signalProcess(member, 'SIGKILL')
      else ask(family, options, asked)
    } catch (error) {
      // No descriptor is free to read the table with. Not seen is not gone, so we look again.
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'EMFILE' && code !== 'ENFILE') throw error
    }
    const isTooLate = killedSinceMs !== undefined && clock.nowMs() - killedSinceMs > KILL_LIMIT_MS
    if (isTooLate) throw survived(options.name, family)
    await sleep(clock, pollMs)
  }
}

function look(options: TakeDownOptions, known: Set<string>): readonly ProcessRow[] {
  const table = othersThanUs(readProcessTable())
  const family = findFamily(table, { roots: options.roots, known, isMarked: options.mark() })
  for (const member of family) known.add(keyOf(member))
  return family
}

/** Asks each member once: the roots at first, the rest when no root is left. */
function ask(family: readonly ProcessRow[], options: TakeDownOptions, asked: Set<string>): void {
  const rootKeys = new Set(options.roots.map(keyOf))
  const roots = family.filter((member) => rootKeys.has(keyOf(member)))
  for (const member of roots.length > 0 ? roots : family) {
    const key = keyOf(member)
    if (!asked.has(key)) signalProcess(member, options.signal(member))
    asked.add(key)
  }
}

/** The table without us and our ancestors, who may carry a mark when one run is started inside another. */
function othersThanUs(table: readonly ProcessRow[]): readonly ProcessRow[] {
  const parents = new Map(table.map((row) => [row.pid, row.parentPid]))
  const spared = new Set<number>()
  for (let pid: number | undefined = process.pid; pid !== undefined && !spared.has(pid); pid = parents.get(pid)) {
    spared.add(pid)
  }
  return table.filter((row) => !spared.has(row.pid))
}

function survived(name: string, family: readonly ProcessRow[]): TenfoldError {
  const pids = family.map((row) => row.pid)
  return new TenfoldError(
    'TF_TIMEOUT',
    `expected ${name} to be gone ${KILL_LIMIT_MS / 1_000} s after SIGKILL, got ${pids.length} processes still there`,
    { hint: `look at what they wait for: ps -o pid,stat,wchan,args -p ${pids.join(',')}`, details: { pids } },
  )
}
