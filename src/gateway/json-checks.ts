import { TenfoldError } from '../core/errors.ts'

/** An object, or TF_INPUT_INVALID with its path. */
export function record(value: unknown, path: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(path, 'an object', value)
  return value as Readonly<Record<string, unknown>>
}

/** A list, or TF_INPUT_INVALID. */
export function array(value: unknown, path: string): readonly unknown[] {
  if (!Array.isArray(value)) throw invalid(path, 'an array', value)
  return value
}

/** Text that is not empty, or TF_INPUT_INVALID. */
export function text(value: unknown, path: string): string {
  if (typeof value !== 'string' || value === '') throw invalid(path, 'a text', value)
  return value
}

/** A number between two bounds, both included, or TF_INPUT_INVALID. */
export function number(value: unknown, path: string, min: number, max: number): number {
  if (typeof value !== 'number' || !(value >= min && value <= max)) {
    throw invalid(path, `a number from ${min} to ${max}`, value)
  }
  return value
}

/** What to throw where something else was expected. */
export function invalid(path: string, expected: string, got: unknown): TenfoldError {
  return new TenfoldError('TF_INPUT_INVALID', `expected ${path} to be ${expected}, got ${JSON.stringify(got)}`, {
    details: { path },
  })
}
