import type { Clock } from '../core/clock.ts'
import { readCatalog } from './catalog.ts'
import type { Lineage } from './lineage.ts'
import { keysOf } from './lineage.ts'
import type { BackupRepository } from './repository.ts'
import type { Keep, RetentionPlan } from './retention.ts'
import { planRetention } from './retention.ts'

/** @see applyRetention */
export interface RetentionOptions {
  readonly repository: BackupRepository
  readonly lineage: Lineage
  readonly keep: Keep
  readonly clock: Clock
}

/**
 * Removes from a repository what `planRetention` says. Only for whoever alone takes backups into it. A crash in between
 * leaves what the next one removes.
 *
 * @returns what was removed
 */
export async function applyRetention(options: RetentionOptions): Promise<RetentionPlan> {
  const { repository, lineage, keep, clock } = options
  const keys = keysOf(lineage)
  const catalog = await readCatalog(repository, lineage)
  // Who can't read a backup does not know which log it needs.
  if (catalog.damaged.length > 0) return { backups: [], unfinished: [], wal: [] }
  const plan = planRetention(catalog, keep, clock.epochMs())
  for (const { name } of plan.backups) {
    // Without its manifest it is no backup any more, however far this gets.
    await repository.remove([keys.base(name).manifest])
    await removeAll(repository, keys.base(name).prefix)
  }
  for (const name of plan.unfinished) await removeAll(repository, keys.base(name).prefix)
  await repository.remove(plan.wal.map((name) => keys.walObject(name)))
  return plan
}

async function removeAll(repository: BackupRepository, prefix: string): Promise<void> {
  await repository.remove((await repository.list(prefix)).map(({ key }) => key))
}
