import { TenfoldError } from '../core/errors.ts'
import { loadBlueprint } from './load.ts'

/** Loads the blueprint that its arguments name, and tells its parent, who may have loaded an older state of it. */
const [path = '.', configuration] = process.argv.slice(2)
process.send?.(
  await loadBlueprint(path, configuration === undefined ? {} : { configuration }).then(
    (blueprint) => ({ blueprint }),
    (error: unknown) => ({ error: error instanceof TenfoldError ? error.toJSON() : String(error) }),
  ),
  // What the blueprint has left open does not matter any more.
  () => process.exit(),
)
