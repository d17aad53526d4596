import type { Clock } from '../core/clock.ts'
import { TenfoldError } from '../core/errors.ts'
import type { Session } from '../sql/session.ts'
import type { NamedPoint } from './catalog.ts'
import { writePoint } from './catalog.ts'
import type { Lineage } from './lineage.ts'
import type { BackupRepository } from './repository.ts'
import { isPointName } from './restore-target.ts'

/** A name that can be found again by `parseTarget`. @throws TF_USAGE */
export function requirePointName(name: string): void {
  if (isPointName(name)) return
  throw new TenfoldError('TF_USAGE', `expected a name for a point, got ${JSON.stringify(name)}`, {
    hint: 'use letters, digits, - and _; not latest, and nothing that looks like a time',
  })
}

/** Names the state of now. @throws TF_USAGE for a name that is taken */
export async function markPoint(
  name: string,
  {
    session,
    repository,
    lineage,
    clock,
  }: {
    /** To the primary, as superuser. */
    readonly session: Session
    readonly repository: BackupRepository
    readonly lineage: Lineage
    readonly clock: Clock
  },
): Promise<NamedPoint> {
  const { rows } = await session.query<{ lsn: string; segment: string }>(
    'select lsn::text, pg_walfile_name(lsn) as segment from pg_create_restore_point($1) as lsn',
    [name],
  )
  const { lsn, segment } = rows[0]!
  const point = { name, lsn, timeline: Number.parseInt(segment.slice(0, 8), 16), epochMs: clock.epochMs() }
  await writePoint(repository, lineage, point)
  return point
}
