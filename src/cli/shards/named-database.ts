import type { CommandInput } from '../command.ts'

/**
 * The database that is named first, and what comes after it. It may be left out where a system has only one on several shards;
 * what is a number is none.
 */
export function namedDatabase({ names }: CommandInput): {
  readonly database: string | undefined
  readonly names: readonly string[]
} {
  const [first, ...rest] = names
  if (first === undefined || first === 'all' || /^-?\d/.test(first)) return { database: undefined, names }
  return { database: first, names: rest }
}
