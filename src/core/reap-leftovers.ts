import type { Clock } from './clock.ts'
import { systemClock } from './clock.ts'
import { processesInside, removeGroups } from './control-group.ts'
import { findFamily } from './process-family.ts'
import { isRunning, readProcess } from './process-identity.ts'
import { CHILD_VARIABLE, environmentOf, readProcessTable, RUN_VARIABLE } from './process-table.ts'
import type { RecordedChild } from './subprocess-record.ts'
import { readRecord, writeRecord } from './subprocess-record.ts'
import { GRACE_MS_DEFAULT, takeDown } from './take-down.ts'

/** What else to look for, and how long to wait. */
export interface ReapOptions {
  /**
   * Also ends whoever carries a run token that begins with this, in the record or not (Linux only). It must be long
   * enough to name one system on this machine; an empty one is ignored.
   */
  runTokenPrefix?: string
  /** Children that stay, with everything they started, and stay in the record. @default none */
  isSpared?: (child: RecordedChild) => boolean
  /** Time to leave before SIGKILL. @default 1500 */
  deadlineMs?: number
  /** @default systemClock */
  clock?: Clock
}

/**
 * Ends what an earlier run left: the recorded children whose pid and start time both match, everything they started,
 * and whoever carries the token of a recorded run. A stranger that got a recorded pid is left alone. When it resolves,
 * none of them runs and the record names only who was spared. Call it before anything new is started, under the lock
 * of the system.
 *
 * @returns those of the record that still ran
 * @throws TF_TIMEOUT when a process survives SIGKILL
 */
export async function reapLeftovers(recordFile: string, options: ReapOptions = {}): Promise<readonly RecordedChild[]> {
  const clock = options.clock ?? systemClock
  const record = await readRecord(recordFile)
  const [spared, children] = sorted(record?.children ?? [], options.isSpared)
  const tokens = new Set(record?.children.map((child) => child.runToken))
  if (record !== undefined) tokens.add(record.runToken)
  // A leader that is not there any more may have given its pid away: then only the mark tells who belongs.
  const roots = children.filter((child) => readProcess(child.pid)?.startTime === child.startTime)
  const signals = new Map(roots.map((root) => [root.pid, root.stopSignal]))
  const groups = children.flatMap((child) => child.controlGroups)
  const killAtMs = clock.nowMs() + (options.deadlineMs ?? GRACE_MS_DEFAULT)
  await takeDown({
    clock,
    name: 'what an earlier run left',
    roots,
    mark: () => {
      const inside = processesInside(groups)
      const staying = familiesOf(spared)
      return (pid) => {
        if (staying.has(pid)) return false
        return inside.has(pid) || isOfRun(environmentOf(pid, RUN_VARIABLE), tokens, options.runTokenPrefix)
      }
    },
    signal: (member) => signals.get(member.pid) ?? 'SIGTERM',
    killAtMs: () => killAtMs,
  })
  // One that the kernel does not let go yet is removed by a later start.
  removeGroups(groups)
  if (record !== undefined) await writeRecord(recordFile, record.runToken, spared)
  return roots
}

/** Those that stay, and the others; one that is gone has nothing that could stay. */
function sorted(
  children: readonly RecordedChild[],
  isSpared: (child: RecordedChild) => boolean = () => false,
): readonly [readonly RecordedChild[], readonly RecordedChild[]] {
  const spared = children.filter((child) => isSpared(child) && isRunning(child))
  return [spared, children.filter((child) => !spared.includes(child))]
}

/** The pids of children and of everything they started. */
function familiesOf(children: readonly RecordedChild[]): ReadonlySet<number> {
  if (children.length === 0) return new Set()
  const tokens = new Set<string | undefined>(children.map((child) => child.childToken))
  const inside = processesInside(children.flatMap((child) => child.controlGroups))
  const isMarked = (pid: number): boolean => inside.has(pid) || tokens.has(environmentOf(pid, CHILD_VARIABLE))
  const family = findFamily(readProcessTable(), { roots: children, known: new Set(), isMarked })
  return new Set(family.map((row) => row.pid))
}

function isOfRun(token: string | undefined, tokens: ReadonlySet<string>, prefix: string | undefined): boolean {
  if (token === undefined || token === '') return false
  return tokens.has(token) || (prefix !== undefined && prefix !== '' && token.startsWith(prefix))
}
