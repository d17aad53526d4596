/** One row of `docs/errors.md`, which is generated from this table. */
export interface ErrorDescription {
  /** What has happened. */
  meaning: string
  /** What a person does about it. */
  remedy: string
}

/**
 * Every error code, in alphabetical order. A code is stable: it may gain a better text, never another meaning.
 * `test/tidy/error-codes.test.ts` holds the table to the code and `docs/errors.md` to the table.
 */
export const ERROR_CODES = {
  TF_ABORTED: {
    meaning: 'The operation was cancelled before it ended.',
    remedy: 'Run it again when you are ready; nothing half done is left behind.',
  },
  TF_DURATION_INVALID: {
    meaning: 'A duration is not a number followed by ms, s, m, h or d.',
    remedy: "Write it like '250ms', '5s' or '1h'.",
  },
  TF_NOT_IMPLEMENTED: {
    meaning: 'The blueprint asks for something this version of Tenfold cannot run yet.',
    remedy: 'Remove the option named in the message, or use a version that has it.',
  },
  TF_SIZE_INVALID: {
    meaning: 'A size is not a number followed by B, KiB, MiB or GiB.',
    remedy: "Write it like '64MiB'.",
  },
  TF_TIMEOUT: {
    meaning: 'An operation did not end within its deadline.',
    remedy: 'Look at the details for what it waited on; raise the deadline if the wait is expected.',
  },
  TF_USAGE: {
    meaning: 'The command line names a command, an option or an argument that does not exist.',
    remedy: 'Run `tenfold --help`, or `tenfold COMMAND --help`.',
  },
} as const satisfies Record<string, ErrorDescription>

/** A literal error code such as `'TF_TIMEOUT'`. */
export type ErrorCode = keyof typeof ERROR_CODES
