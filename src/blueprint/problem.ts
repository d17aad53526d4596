import { TenfoldError } from '../core/errors.ts'

/** One thing that is wrong in a blueprint. */
export interface Problem {
  /** Where it stands: `services.api.instances.max`; empty for the blueprint itself. */
  readonly path: string
  /** Whether it is wrong, or right but not in this version. */
  readonly code: 'TF_BLUEPRINT_INVALID' | 'TF_NOT_IMPLEMENTED'
  /** What was expected and what was found. Never a secret. */
  readonly message: string
  /** What to do, in the imperative. */
  readonly hint: string
}

/**
 * The error that reports every problem of a blueprint at once; the list is also in `details.problems`. Its code is
 * `TF_NOT_IMPLEMENTED` where nothing else is wrong.
 */
export function blueprintError(file: string, found: readonly Problem[]): TenfoldError {
  const problems = grouped(found)
  const isInvalid = problems.some(({ code }) => code === 'TF_BLUEPRINT_INVALID')
  const count = problems.length === 1 ? 'one problem' : `${problems.length} problems`
  return new TenfoldError(
    isInvalid ? 'TF_BLUEPRINT_INVALID' : 'TF_NOT_IMPLEMENTED',
    [
      isInvalid
        ? `expected ${file} to be a valid blueprint, got ${count}`
        : `expected ${file} to ask for what this version can run, got ${count}`,
      ...problems.map(textOf),
    ].join('\n\n'),
    { hint: 'correct the blueprint, then run "tenfold check"', details: { file, problems } },
  )
}

/** What concerns one service or database stands together, wherever it was found. */
function grouped(problems: readonly Problem[]): readonly Problem[] {
  return [...Map.groupBy(problems, ({ path }) => path.split('.', 2).join('.')).values()].flat()
}

function textOf({ path, code, message, hint }: Problem): string {
  const where = path === '' ? '(the blueprint)' : path
  const kind = code === 'TF_NOT_IMPLEMENTED' ? ' (not implemented)' : ''
  return `  ${where}${kind}\n    ${message}\n    → ${hint}`
}
