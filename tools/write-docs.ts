/** Writes the pages that are generated from the code; `npm test` fails when they are stale. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { metricsDocument } from '../src/control/metric-names.ts'
import { errorCodesDocument } from '../src/core/error-codes-document.ts'

const root = join(import.meta.dirname, '..')
writeFileSync(join(root, 'docs/errors.md'), errorCodesDocument())
writeFileSync(join(root, 'docs/reference/metrics.md'), metricsDocument())
