/**
 * Finds values in parsed JSON: names and indexes joined by dots, `*` for every element of an array (or every value of
 * an object).
 *
 * @example compileJsonPath('items.*.id')({ items: [{ id: 1 }, { id: 2 }] }) // [1, 2]
 */
export type JsonPath = (value: unknown) => unknown[]

/** Matches that one path may give; the rest are left out. */
export const JSON_MATCHES_MAX = 10_000

/** Compiles a path; the empty path is the whole value. */
export function compileJsonPath(path: string): JsonPath {
  const names = path === '' ? [] : path.split('.')
  if (!names.includes('*')) return (value) => single(value, names)
  return (value) => {
    let found: unknown[] = [value]
    for (const name of names) {
      const next: unknown[] = []
      for (const each of found) {
        if (next.length >= JSON_MATCHES_MAX) break
        if (name !== '*') next.push(...single(each, [name]))
        else if (typeof each === 'object' && each !== null) {
          for (const element of Object.values(each).slice(0, JSON_MATCHES_MAX)) next.push(element)
        }
      }
      found = next
    }
    return found
  }
}

function single(value: unknown, names: readonly string[]): unknown[] {
  let at = value
  for (const name of names) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, name)) return []
    at = (at as Record<string, unknown>)[name]
  }
  return [at]
}
