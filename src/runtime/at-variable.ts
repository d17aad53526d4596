import { TenfoldError } from '../core/errors.ts'

const ABOUT_ADDRESS = ['TF_BROKER_UNREACHABLE', 'TF_BROKER_REFUSED', 'TF_OPTION_INVALID'] as const

/**
 * What went wrong at an engine elsewhere, with the name of the variable that leads there, since an address can't be shown.
 * Anything else is returned as it is.
 *
 * @param about what is there: `'topic order_placed'`
 */
export function atVariable(about: string, variable: string, error: unknown): Error {
  if (!(error instanceof TenfoldError)) return error as Error
  const code = ABOUT_ADDRESS.find((each) => each === error.code)
  if (code === undefined) return error
  const hint =
    code === 'TF_BROKER_UNREACHABLE'
      ? `look whether the broker runs, and whether $${variable} names it as this machine can reach it`
      : error.hint
  return new TenfoldError(code, `${about}, at $${variable}: ${error.message}`, {
    ...(hint === undefined ? {} : { hint }),
    details: { ...error.details, about, variable },
    cause: error,
  })
}
