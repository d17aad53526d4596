import { readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { syncDirectory, writeFileDurably } from '../core/durable-file.ts'
import { TenfoldError, messageOf } from '../core/errors.ts'
import type { ClusterPaths, ClusterRecord } from './cluster-record.ts'
import { clusterRecordSchema, writeClusterRecord } from './cluster-record.ts'

/** Data that is to take the place of a cluster's, decided and not ended yet. */
export interface PendingSwap {
  readonly layout: 1
  /** What the names of the former data end with. */
  readonly suffix: string
  /** Of the cluster with the new data. */
  readonly record: ClusterRecord
}

/** In the cluster's directory: the decision, and the data that it is about. */
const DECISION = 'swap.json'
const INCOMING = 'incoming'

const swapSchema: z.ZodType<PendingSwap> = z.object({
  layout: z.literal(1),
  suffix: z.string().regex(/^[\w-]+$/),
  record: clusterRecordSchema,
})

/**
 * Decides that this data takes the place of a cluster's. Up to the moment when the decision is on the disk nothing has
 * changed; from then on `finishSwap` ends it, however often it is interrupted.
 *
 * @param incoming a data directory on the same file system; moved. `finishSwap` was called before
 */
export async function decideSwap({ directory }: ClusterPaths, incoming: string, swap: PendingSwap): Promise<void> {
  await rename(incoming, join(directory, INCOMING))
  await syncDirectory(directory)
  await writeFileDurably(join(directory, DECISION), `${JSON.stringify(swap)}\n`, { mode: 0o600 })
}

/**
 * Ends what was decided, if there is anything. No server may run on the cluster's data. Each step can be done twice, and
 * says by what is there whether it was done.
 *
 * @returns the directories that the former data is in now; undefined when nothing was pending
 * @throws TF_CLUSTER_DATA_INVALID
 */
export async function finishSwap(paths: ClusterPaths): Promise<readonly string[] | undefined> {
  const { directory } = paths
  const swap = await readDecision(join(directory, DECISION))
  if (swap === undefined) {
    // Of an attempt that ended before it was decided.
    await rm(join(directory, INCOMING), { recursive: true, force: true })
    return undefined
  }
  const names = await readdir(directory)
  if (names.includes(INCOMING)) {
    // Of every node: those that follow are made again from the new one. What is data now is the former.
    for (const name of names) {
      if (/^data(-\d+)?$/.test(name)) await rename(join(directory, name), join(directory, `${name}.${swap.suffix}`))
    }
    await syncDirectory(directory)
    await writeClusterRecord(paths, swap.record)
    await rename(join(directory, INCOMING), paths.data)
    await syncDirectory(directory)
  }
  await rm(join(directory, DECISION), { force: true })
  await syncDirectory(directory)
  const isFormer = (name: string): boolean => name.endsWith(`.${swap.suffix}`)
  return (await readdir(directory))
    .filter(isFormer)
    .sort()
    .map((name) => join(directory, name))
}

async function readDecision(file: string): Promise<PendingSwap | undefined> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
  try {
    return swapSchema.parse(JSON.parse(text))
  } catch (cause) {
    throw new TenfoldError(
      'TF_CLUSTER_DATA_INVALID',
      `expected ${file} to say what a restore had begun: ${messageOf(cause)}`,
      { hint: 'restore again with the version of Tenfold that wrote it', cause },
    )
  }
}
