import type { ClusterOptions } from './cluster-options.ts'
import { clusterPathsOf, newClusterRecord, readClusterRecord, writeClusterRecord } from './cluster-record.ts'
import { readControlFile } from './control-file.ts'
import { initialiseData, inspectData } from './initialise-data.ts'
import { finishSwap } from './pending-swap.ts'
import type { RecordKeeper } from './record-keeper.ts'
import { createRecordKeeper } from './record-keeper.ts'

/**
 * The record of a cluster; one that is new gets its data first. Data that was there once is looked for when its node is
 * started: another node may have it as well.
 */
export async function openRecord(
  options: ClusterOptions,
  signal: AbortSignal,
  onInitialise: () => void,
): Promise<RecordKeeper> {
  const { user, binaries, template } = options
  const paths = clusterPathsOf(options.dataDirectory)
  // A restore that was interrupted in the middle of its last step.
  await finishSwap(paths)
  let record = await readClusterRecord(paths)
  if (record?.systemIdentifier !== undefined) return createRecordKeeper(paths, record)
  if ((await inspectData(paths, record, binaries)) === 'absent') {
    onInitialise()
    record = newClusterRecord(template?.superuserPassword)
    await writeClusterRecord(paths, record)
    await initialiseData({ ...options, user, template, paths, record, signal })
  }
  if (record === undefined) throw new Error('expected data to have a record')
  const keeper = createRecordKeeper(paths, record)
  const systemIdentifier = (await readControlFile(paths.data))?.systemIdentifier
  await keeper.change((now) => ({ ...now, systemIdentifier }))
  return keeper
}
