import type { ClusterOptions } from '../../src/clusters/cluster-options.ts'
import type { Cluster } from '../../src/clusters/cluster-state.ts'
import { createTestBed } from '../../test/integration/clusters/test-bed.ts'

/** Runs work with a cluster that was started for it, and leaves nothing of it behind. */
export async function withScratchCluster<Result>(
  { name, ...options }: Pick<ClusterOptions, 'name' | 'followers' | 'zones'>,
  signal: AbortSignal,
  work: (cluster: Cluster) => Promise<Result>,
): Promise<Result> {
  const bed = await createTestBed({ hasTemplate: false })
  try {
    const cluster = bed.cluster(name, options)
    await cluster.start(signal)
    return await work(cluster)
  } finally {
    await bed.end()
  }
}
