import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * What the tests start shares what Node has compiled, for one run of the tests: half of what a command line of Tenfold
 * takes is the reading of its own TypeScript.
 */
export function setup(): void {
  const directory = mkdtempSync(join(tmpdir(), 'tenfold compiled '))
  process.env['NODE_COMPILE_CACHE'] = directory
  // Not before: the processes that run tests keep what they have compiled when they end.
  process.once('exit', () => rmSync(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }))
}
