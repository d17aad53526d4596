import { execFile } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { LoadOptions } from '../../src/blueprint/load.ts'
import type { ResolvedBlueprint } from '../../src/blueprint/resolved-blueprint.ts'
import type { ErrorCode } from '../../src/core/error-codes.ts'

const PROGRAM = join(dirname(fileURLToPath(import.meta.url)), 'load-in-node.ts')

/** What came of loading one blueprint. */
export interface Loaded {
  readonly blueprint?: ResolvedBlueprint
  readonly error?: { readonly code?: ErrorCode; readonly message: string; readonly hint?: string }
}

/** Loads blueprints one after the other in a process of their own. */
export async function loadAll(
  inputs: readonly (readonly [path: string, options?: LoadOptions])[],
): Promise<readonly Loaded[]> {
  const args = ['--conditions=tenfold-source', PROGRAM, JSON.stringify(inputs)]
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 25_000 })
  return JSON.parse(stdout) as readonly Loaded[]
}
