import { chmod, chown, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ClusterOptions } from '../../src/clusters/cluster-options.ts'
import type { Cluster } from '../../src/clusters/cluster-state.ts'
import { createCluster } from '../../src/clusters/cluster.ts'
import { findPostgresBinaries } from '../../src/clusters/postgres-binaries.ts'
import { findChildUser } from '../../src/core/child-user.ts'
import { uniqueId } from '../../src/core/random.ts'
import { createSubprocesses } from '../../src/core/subprocesses.ts'

/** Runs work with a cluster that was started for it, and leaves nothing of it behind. */
export async function withScratchCluster<Result>(
  options: Pick<ClusterOptions, 'name' | 'followers' | 'zones'>,
  signal: AbortSignal,
  work: (cluster: Cluster) => Promise<Result>,
): Promise<Result> {
  const directory = await mkdtemp(join(tmpdir(), 'tenfold-bench-'))
  await chmod(directory, 0o711)
  const user = findChildUser()
  const binaries = await findPostgresBinaries({ user, cacheDirectory: join(directory, 'binaries') })
  const subprocesses = await createSubprocesses({
    recordFile: join(directory, 'children.json'),
    runToken: uniqueId(),
    isEphemeral: true,
  })
  // Names of sockets are short.
  const socketDirectory = await mkdtemp('/tmp/tenfold-bench-')
  if (user !== undefined) await chown(socketDirectory, user.uid, user.gid)
  const cluster = createCluster({
    ...options,
    dataDirectory: join(directory, 'cluster'),
    socketDirectory,
    binaries,
    subprocesses,
    user,
    logFile: join(directory, 'postgres.log'),
  })
  try {
    await cluster.start(signal)
    return await work(cluster)
  } finally {
    await cluster.stop(5_000)
    await subprocesses.stopAll()
    await rm(socketDirectory, { recursive: true, force: true })
    await rm(directory, { recursive: true, force: true })
  }
}
