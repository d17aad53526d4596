import type { ClusterPaths, ClusterRecord } from '../clusters/cluster-record.ts'
import { clusterPathsOf, newClusterRecord, readClusterRecord } from '../clusters/cluster-record.ts'
import { readControlFile } from '../clusters/control-file.ts'
import { decideSwap, finishSwap } from '../clusters/pending-swap.ts'
import type { Clock } from '../core/clock.ts'
import { backupName } from './manifest.ts'

/**
 * Puts restored data in the place of a cluster's data, which stays beside it under a name that says when. No server
 * may run on either. It is done whole or not at all: what a crash interrupts, the next start of the cluster or the next
 * restore ends.
 *
 * @param passwords what the restored data was given: `passwordsFor`
 * @returns the directories that the former data is in now; none where there was none
 */
export async function swapData(
  clusterDirectory: string,
  restored: string,
  passwords: RestorePasswords,
  clock: Clock,
): Promise<readonly string[]> {
  const paths = clusterPathsOf(clusterDirectory)
  const control = await readControlFile(restored)
  if (control === undefined) throw new Error(`expected ${restored} to be the data of a cluster`)
  await finishSwap(paths)
  const record = recordAfter(await readClusterRecord(paths), passwords, control.systemIdentifier)
  await decideSwap(paths, restored, { layout: 1, suffix: `before-${backupName(clock.epochMs())}`, record })
  return (await finishSwap(paths)) ?? []
}

/** Of the roles that restored data must know. */
export interface RestorePasswords {
  readonly superuser: string
  readonly owner: string
}

/** The passwords that a cluster has, or new ones: a repository holds none that could be used. */
export async function passwordsFor(paths: ClusterPaths): Promise<RestorePasswords> {
  const record = (await readClusterRecord(paths)) ?? newClusterRecord()
  return { superuser: record.superuserPassword, owner: record.servicePassword }
}

function recordAfter(
  record: ClusterRecord | undefined,
  passwords: RestorePasswords,
  systemIdentifier: string,
): ClusterRecord {
  const { superuser: superuserPassword, owner: servicePassword } = passwords
  const passwordsAndData = { superuserPassword, servicePassword, systemIdentifier }
  if (record === undefined) return { layout: 1, ...passwordsAndData }
  const { primary: _primary, synchronous: _synchronous, ...others } = record
  // The restored node leads, under a term of its own; nobody has what it has yet.
  return { ...others, ...passwordsAndData, term: (record.term ?? 1) + 1 }
}
