import type { ProcessIdentity, ProcessRow } from './process-identity.ts'

/** Which processes are looked for. */
export interface FamilyOptions {
  /** The leaders that we started ourselves. */
  readonly roots: readonly ProcessIdentity[]
  /** Who was found to belong in earlier looks: an orphan whose parent has left since is still one of them. */
  readonly known: ReadonlySet<string>
  /** Whether a process carries the mark of the family in its environment. */
  readonly isMarked: (pid: number) => boolean
}

/**
 * Everybody that belongs to the roots and still runs: the roots, their process groups, all descendants, whoever was
 * known before, and whoever carries the mark (a daemon that left both group and parent). A process that merely has the
 * pid of a root, but another start time, does not belong, nor does its group.
 */
export function findFamily(table: readonly ProcessRow[], options: FamilyOptions): readonly ProcessRow[] {
  const byPid = new Map(table.map((row) => [row.pid, row]))
  const groups = new Set<number>()
  for (const root of options.roots) {
    const holder = byPid.get(root.pid)
    // A pid is not given away again while its group has members, so a group without its leader is still the old one.
    if (holder === undefined || holder.startTime === root.startTime) groups.add(root.pid)
  }
  const family = new Set<number>()
  for (const row of table) {
    if (groups.has(row.groupId) || options.known.has(keyOf(row)) || options.isMarked(row.pid)) family.add(row.pid)
  }
  for (let size = -1; size !== family.size;) {
    size = family.size
    for (const row of table) if (family.has(row.parentPid)) family.add(row.pid)
  }
  return table.filter((row) => family.has(row.pid) && !row.isZombie)
}

/** A process as one word, for sets. */
export function keyOf(identity: ProcessIdentity): string {
  return `${identity.pid}@${identity.startTime}`
}
