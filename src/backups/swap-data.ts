import { readdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import type { ClusterPaths, ClusterRecord } from '../clusters/cluster-record.ts'
import { clusterPathsOf, newClusterRecord, readClusterRecord, writeClusterRecord } from '../clusters/cluster-record.ts'
import { readControlFile } from '../clusters/control-file.ts'
import type { Clock } from '../core/clock.ts'
import { syncDirectory } from '../core/durable-file.ts'
import { backupName } from './manifest.ts'

/**
 * Puts restored data in the place of a cluster's data, which stays beside it under a name that says when. No server
 * may run on either. A crash in between leaves both: the same restore once more ends it.
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
  const record = await readClusterRecord(paths)
  const former: string[] = []
  for (const name of await readdir(clusterDirectory)) {
    // Of every node: those that follow are made again from the restored one.
    if (!/^data(-\d+)?$/.test(name)) continue
    const aside = join(clusterDirectory, `${name}.before-${backupName(clock.epochMs())}`)
    await rename(join(clusterDirectory, name), aside)
    former.push(aside)
  }
  await writeClusterRecord(paths, recordAfter(record, passwords, control.systemIdentifier))
  await rename(restored, paths.data)
  await syncDirectory(clusterDirectory)
  return former
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
