import type { ErrorCode } from '../core/error-codes.ts'

/** One line of the seed process's output that is meant for us; everything else there is for people. */
export type SeedMessage =
  | { readonly seed: 'progress'; readonly message: string }
  | { readonly seed: 'done' }
  | {
      readonly seed: 'failed'
      readonly code: ErrorCode | undefined
      readonly message: string
      readonly hint: string | undefined
    }

/** Variables of the seed process's environment. */
export const SEED_VARIABLES = {
  url: 'TENFOLD_SEED_URL',
  module: 'TENFOLD_SEED_MODULE',
  key: 'TENFOLD_SEED_KEY',
  database: 'TENFOLD_SEED_DATABASE',
  /** `yes` or `no` */
  isShard: 'TENFOLD_SEED_IS_SHARD',
} as const

/** The message in a line of output; undefined for any other line. */
export function parseSeedMessage(line: string): SeedMessage | undefined {
  if (!line.startsWith('{"seed":')) return undefined
  try {
    return JSON.parse(line) as SeedMessage
  } catch {
    // Half a line, or a program that prints something alike.
    return undefined
  }
}

/** A message as a line of output. */
export function formatSeedMessage(message: SeedMessage): string {
  return `${JSON.stringify(message)}\n`
}
