import type { Session } from '../sql/session.ts'
import { followerName } from './node-role.ts'

/**
 * Makes sure that a node keeps the log for these followers, from now on and within the bound that its settings give; a
 * slot that has lost its part of the log begins anew. Slots of nodes that are not there any more are dropped.
 */
export async function keepSlots(session: Session, followers: readonly number[]): Promise<void> {
  const { rows } = await session.query<{ name: string; isLost: boolean; isActive: boolean }>(
    `select slot_name as name, coalesce(wal_status = 'lost', false) as "isLost", active as "isActive"
       from pg_replication_slots where slot_type = 'physical' and slot_name ~ '^${followerName(0).slice(0, -1)}\\d+$'`,
  )
  const wanted = new Set(followers.map(followerName))
  const there = new Set<string>()
  for (const { name, isLost, isActive } of rows) {
    if (isActive || (wanted.has(name) && !isLost)) there.add(name)
    else await session.query('select pg_drop_replication_slot($1)', [name])
  }
  for (const name of wanted) {
    if (!there.has(name)) await session.query('select pg_create_physical_replication_slot($1, true)', [name])
  }
}

/**
 * Lets go of the log that a follower has no use for any more, on a node that it does not follow now. Were that node
 * promoted, the follower would find there all that it lacks.
 *
 * @param keptFrom where the slot of each follower stands on the primary
 */
export async function advanceSlots(session: Session, keptFrom: ReadonlyMap<number, string>): Promise<void> {
  for (const [node, position] of keptFrom) {
    await session.query(
      `select pg_replication_slot_advance(slot_name, least($2::pg_lsn, pg_last_wal_replay_lsn()))
         from pg_replication_slots
        where slot_name = $1 and not active and wal_status <> 'lost' and restart_lsn < least($2::pg_lsn, pg_last_wal_replay_lsn())`,
      [followerName(node), position],
    )
  }
}

/** Where the slots of followers stand on the primary. */
export async function slotPositions(session: Session): Promise<ReadonlyMap<number, string>> {
  const prefix = followerName(0).slice(0, -1)
  const { rows } = await session.query<{ name: string; position: string }>(
    `select slot_name as name, restart_lsn::text as position from pg_replication_slots
      where slot_type = 'physical' and restart_lsn is not null and slot_name ~ '^${prefix}\\d+$'`,
  )
  return new Map(rows.map(({ name, position }) => [Number(name.slice(prefix.length)), position]))
}
