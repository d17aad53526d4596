import type { InitdbOptions } from './run-initdb.ts'
import { runInitdb } from './run-initdb.ts'
import { explainFailure } from './start-failure.ts'

/**
 * Puts a data directory on the disk, contents and names: by one call for its whole file system where there is such a
 * call, which Node does not have, else file by file.
 *
 * @throws TF_DISK_FULL, TF_CLUSTER_START_FAILED with what the system said
 */
export async function syncDataDirectory(dataDirectory: string, options: Omit<InitdbOptions, 'args'>): Promise<void> {
  const method = process.platform === 'linux' ? ['--sync-method=syncfs'] : []
  const { exit, lines } = await runInitdb({ ...options, args: ['--sync-only', ...method, '-D', dataDirectory] })
  if (exit.code !== 0) throw explainFailure(`initdb --sync-only of ${options.name}`, exit, lines, options.logFile)
}
