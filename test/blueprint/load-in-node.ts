import type { LoadOptions } from '../../src/blueprint/load.ts'
import { loadBlueprint } from '../../src/blueprint/load.ts'
import { TenfoldError } from '../../src/core/errors.ts'

/**
 * Loads blueprints as a user's process does, since the test runner imports files in its own way. The argument is a JSON
 * list of `[path, options]`; prints a list with `{ blueprint }` or `{ error }` for each.
 */
const results: unknown[] = []
for (const [path, options] of JSON.parse(process.argv[2] ?? '[]') as [string, LoadOptions?][]) {
  results.push(
    await loadBlueprint(path, options).then(
      (blueprint) => ({ blueprint }),
      (error: unknown) => ({ error: error instanceof TenfoldError ? error.toJSON() : { message: String(error) } }),
    ),
  )
}
process.stdout.write(JSON.stringify(results))
