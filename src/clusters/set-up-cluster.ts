import { ensureOwnedDatabase, ensureReplicationRole } from './cluster-roles.ts'
import type { ClusterNode } from './node.ts'
import type { RecordKeeper } from './record-keeper.ts'
import { termOf } from './record-keeper.ts'
import { prepareForServices } from './service-roles.ts'
import { recordTerm } from './term-table.ts'

/**
 * What has to be in a cluster before anybody uses it: its database, the roles, the term. Repeating it changes nothing.
 *
 * @param name of the database, and of the role that owns it
 */
export async function setUpCluster(
  primary: ClusterNode,
  name: string,
  record: RecordKeeper,
  hasFollowers: boolean,
): Promise<void> {
  await ensureOwnedDatabase(primary.adminUrl('postgres'), name, record.current.servicePassword)
  await prepareForServices(primary.adminUrl(name), name)
  const term = await recordTerm(primary.adminUrl(name), { term: termOf(record.current), node: primary.id })
  if (term > termOf(record.current)) await record.change((now) => ({ ...now, term }))
  if (hasFollowers) await ensureReplicationRole(primary.adminUrl('postgres'), name, record)
  else await waitForNobody(primary, record)
}

/** It had followers before; nobody would ever confirm a COMMIT now. */
async function waitForNobody(primary: ClusterNode, record: RecordKeeper): Promise<void> {
  if (record.current.replicationPassword === undefined) return
  await record.change((now) => ({ ...now, synchronous: undefined }))
  await primary.tell({ waitsFor: [] })
}
