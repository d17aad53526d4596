import { stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { dependencyDirectoriesAbove } from './dependencies.ts'
import { canReachDependencies } from './reachable.ts'
import type { ReleaseStoreOptions } from './release-store.ts'
import { createReleaseStore } from './release-store.ts'

/**
 * A directory with a package's code and dependencies that the children's account can read: the package itself when it
 * can, else a release of it. The gateway and the preload of instances run from here.
 *
 * @throws TF_RELEASE_TOO_LARGE, TF_RELEASE_UNREADABLE
 */
export async function materialisePackage(packageRoot: string, options: ReleaseStoreOptions): Promise<string> {
  const own = join(packageRoot, 'node_modules')
  for (const directory of [
    packageRoot,
    join(packageRoot, 'src'),
    own,
    ...(await dependencyDirectoriesAbove(packageRoot)),
  ]) {
    const isThere = (await stat(directory).catch(() => undefined)) !== undefined
    if (isThere && !(await canReachDependencies(options.user, directory))) {
      return (await createReleaseStore(options).take(packageRoot)).directory
    }
  }
  return packageRoot
}

/** The directory of the package that this code belongs to: a checkout, or `node_modules/tenfold`. */
export function tenfoldPackageRoot(): string {
  return dirname(dirname(dirname(fileURLToPath(import.meta.url))))
}
