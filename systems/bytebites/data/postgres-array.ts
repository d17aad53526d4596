/** A `text[]` as PostgreSQL reads it; for words only, which need no quotes. */
export function textArray(words: readonly string[]): string {
  return `{${words.join(',')}}`
}

/** A `real[]` as PostgreSQL reads it. */
export function realArray(numbers: readonly number[]): string {
  return `{${numbers.join(',')}}`
}
