import type { ErrorCode } from './error-codes.ts'

/** What an error carries besides its message. */
export interface TenfoldErrorOptions {
  /** The next step for whoever reads the error, in the imperative: `run "npm ci"`. */
  hint?: string
  /** Machine-readable facts: paths, values, names. Never a secret. */
  details?: Readonly<Record<string, unknown>>
  /** The error underneath, if there is one. */
  cause?: unknown
}

/**
 * Every operating error of Tenfold. Match it by `code`, which is stable, not by `instanceof`.
 *
 * The message says *expected X to be Y, got Z*; the hint says what to do next.
 */
export class TenfoldError extends Error {
  override readonly name = 'TenfoldError'
  readonly code: ErrorCode
  readonly hint: string | undefined
  readonly details: Readonly<Record<string, unknown>>

  constructor(code: ErrorCode, message: string, options: TenfoldErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.hint = options.hint
    this.details = options.details ?? {}
  }

  /** Plain data for `--json` output and the control socket. */
  toJSON(): { code: ErrorCode; message: string; hint?: string; details: Readonly<Record<string, unknown>> } {
    return {
      code: this.code,
      message: this.message,
      ...(this.hint === undefined ? {} : { hint: this.hint }),
      details: this.details,
    }
  }
}

/** Whether `error` carries the given code; works across duplicated copies of this package. */
export function hasCode(error: unknown, code: ErrorCode): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === code
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
