import { chmod, mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { makeClusterDirectory } from '../clusters/initialise-data.ts'
import { clusterPathsOf } from '../clusters/cluster-record.ts'
import { takeStateLock } from '../control/state-lock.ts'
import { statePathsOf } from '../control/state-paths.ts'
import type { ChildUser } from '../core/child-user.ts'
import type { Clock } from '../core/clock.ts'
import { uniqueId } from '../core/random.ts'
import { reapLeftovers } from '../core/reap-leftovers.ts'
import type { Subprocesses } from '../core/subprocess.ts'
import { createSubprocesses } from '../core/subprocesses.ts'

/** A place in a cluster's directory where one restore at a time goes on. */
export interface RestoreSite {
  /** For `restore`: does not exist yet, and is on the file system of the cluster's data. */
  readonly directory: string
  /** They end with this process, however it ends. */
  readonly subprocesses: Subprocesses
  /** Ends what runs and removes what is left. */
  close(): Promise<void>
}

/**
 * Opens the place, and first ends and removes what an interrupted restore has left there.
 *
 * @throws TF_ALREADY_RUNNING another restore of this cluster goes on
 */
export async function openRestoreSite(
  clusterDirectory: string,
  { user, clock }: { readonly user: ChildUser | undefined; readonly clock: Clock },
): Promise<RestoreSite> {
  await makeClusterDirectory(clusterPathsOf(clusterDirectory), user)
  const site = join(clusterDirectory, 'restore')
  await mkdir(site, { recursive: true })
  await chmod(site, user === undefined ? 0o700 : 0o711)
  const paths = statePathsOf(site)
  const lock = await takeStateLock(paths, clock)
  try {
    await reapLeftovers(paths.processesFile, { clock })
    const directory = join(site, 'work')
    await rm(directory, { recursive: true, force: true })
    const subprocesses = await createSubprocesses({
      recordFile: paths.processesFile,
      runToken: `tenfold-restore-${uniqueId()}`,
      isEphemeral: true,
      clock,
    })
    return {
      directory,
      subprocesses,
      async close() {
        await subprocesses.stopAll()
        // The lock goes last: its directory stays, empty but for it, so that nobody locks what is being removed.
        for (const name of await readdir(site)) {
          const path = join(site, name)
          if (path !== paths.lockFile && path !== paths.holderFile) await rm(path, { recursive: true, force: true })
        }
        lock.release()
      },
    }
  } catch (error) {
    lock.release()
    throw error
  }
}
