/** Writes the pages that are generated from the code; `npm test` fails when they are stale. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { COMMANDS } from '../src/cli/commands.ts'
import { commandsDocument } from '../src/cli/commands-document.ts'
import { metricsDocument } from '../src/control/metrics-document.ts'
import { errorCodesDocument } from '../src/core/error-codes-document.ts'
import { environmentDocument } from '../src/core/environment-document.ts'
import { blueprintDocument } from './blueprint-document.ts'

const root = join(import.meta.dirname, '..')
writeFileSync(join(root, 'docs/errors.md'), errorCodesDocument())
writeFileSync(join(root, 'docs/reference/metrics.md'), metricsDocument())
writeFileSync(join(root, 'docs/reference/commands.md'), commandsDocument(COMMANDS))
writeFileSync(join(root, 'docs/reference/environment.md'), environmentDocument())
writeFileSync(join(root, 'docs/reference/blueprint.md'), blueprintDocument())
