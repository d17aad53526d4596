/**
 * A name as an SQL identifier, whatever characters it has.
 *
 * @example quoteIdentifier('say "hi"') // '"say ""hi"""'
 */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
