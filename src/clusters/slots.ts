import type { Session } from '../sql/session.ts'
import type { ClusterNode } from './node.ts'
import { followerName } from './node-role.ts'
import { withSession } from './set-up-session.ts'

const END_OF_LOG = 'FFFFFFFF/FFFFFFFF'

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
 * Keeps slots for all others on each follower, too, so that they can go on from there once it is promoted, and moves them
 * along, so that they keep no more of the log than is needed.
 */
export async function keepSlotsOnFollowers(
  primary: ClusterNode,
  followers: readonly ClusterNode[],
  all: readonly number[],
): Promise<void> {
  const needed = new Map(await withSession(primary.adminUrl('postgres'), slotPositions))
  // Its own log ends where that of its followers does, or a little later.
  needed.set(primary.id, END_OF_LOG)
  for (const { id, adminUrl } of followers.map((node) => ({ id: node.id, adminUrl: node.adminUrl('postgres') }))) {
    const others = all.filter((node) => node !== id)
    await withSession(adminUrl, async (session) => {
      await keepSlots(session, others)
      for (const node of others) await advance(session, node, needed.get(node))
    })
  }
}

/** As far as is needed, and as the node has replayed. */
async function advance(session: Session, node: number, needed: string | undefined): Promise<void> {
  if (needed === undefined) return
  await session.query(
    `select pg_replication_slot_advance(slot_name, least($2::pg_lsn, pg_last_wal_replay_lsn())) from pg_replication_slots
      where slot_name = $1 and not active and wal_status <> 'lost'
        and restart_lsn < least($2::pg_lsn, pg_last_wal_replay_lsn())`,
    [followerName(node), needed],
  )
}

/** Where the slots of followers stand. */
async function slotPositions(session: Session): Promise<ReadonlyMap<number, string>> {
  const prefix = followerName(0).slice(0, -1)
  const { rows } = await session.query<{ name: string; position: string }>(
    `select slot_name as name, restart_lsn::text as position from pg_replication_slots
      where slot_type = 'physical' and restart_lsn is not null and slot_name ~ '^${prefix}\\d+$'`,
  )
  return new Map(rows.map(({ name, position }) => [Number(name.slice(prefix.length)), position]))
}
