import { join } from 'node:path'
import { clusters } from '../../blueprint/clusters-of.ts'
import type { ResolvedBlueprint, ResolvedDatabase } from '../../blueprint/resolved-blueprint.ts'
import { clusterPathsOf } from '../../clusters/cluster-record.ts'
import { finishSwap } from '../../clusters/pending-swap.ts'
import type { ControlClient } from '../../control/control-client.ts'
import { connectControl } from '../../control/control-client.ts'
import { findRunning } from '../../control/running-system.ts'
import { openStateDirectory } from '../../control/state-directory.ts'
import { stateDirectoryOf } from '../../control/state-paths.ts'
import type { ChildUser } from '../../core/child-user.ts'
import { findChildUser } from '../../core/child-user.ts'
import type { Clock } from '../../core/clock.ts'
import { didYouMean } from '../../core/did-you-mean.ts'
import { TenfoldError } from '../../core/errors.ts'

/** Where a restore can go on: beside the data of a database whose system runs, or is down. */
export interface RestorePlace {
  /** The cluster's own. */
  readonly clusterDirectory: string
  readonly socketDirectory: string
  readonly user: ChildUser | undefined
  /** Of the running system; undefined: it is down, and nobody else can start it until `close`. */
  readonly control: ControlClient | undefined
  close(): Promise<void>
}

/** Opens the place for a database, whether the system runs or not. Throws as `openStateDirectory`. */
export async function openRestorePlace(
  blueprint: ResolvedBlueprint,
  database: string,
  clock: Clock,
): Promise<RestorePlace> {
  const user = findChildUser()
  const stateDirectory = stateDirectoryOf(blueprint)
  if ((await findRunning(stateDirectory)) !== undefined) {
    const control = connectControl(stateDirectory)
    const place = await control.command<{ directory: string; socketDirectory: string }>('restore-place', { database })
    const { directory: clusterDirectory, socketDirectory } = place
    return { clusterDirectory, socketDirectory, user, control, close: async () => undefined }
  }
  const state = await openStateDirectory({ blueprint, user, clock })
  const clusterDirectory = join(state.dataDirectory, database)
  try {
    await finishSwap(clusterPathsOf(clusterDirectory))
  } catch (error) {
    await state.close()
    throw error
  }
  return {
    clusterDirectory,
    socketDirectory: state.childRuntimeDirectory,
    user,
    control: undefined,
    close: () => state.close(),
  }
}

/** A database of the blueprint that Tenfold runs, or a shard of one. @throws TF_USAGE */
export function requireDatabase(blueprint: ResolvedBlueprint, name: string): ResolvedDatabase {
  const all = clusters(blueprint)
  const database = all[name]
  if (database?.engine.kind === 'embedded') return database
  const known = Object.values(all)
    .filter(({ engine }) => engine.kind === 'embedded')
    .map((other) => other.name)
  const meant = didYouMean(name, known)
  throw new TenfoldError(
    'TF_USAGE',
    `expected a database that Tenfold runs (${known.join(', ') || 'there is none'}), got ${JSON.stringify(name)}`,
    { hint: meant === undefined ? 'name one of them' : `did you mean ${meant}?` },
  )
}
