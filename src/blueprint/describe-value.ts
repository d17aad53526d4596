const TEXT_MAX = 60

/** A value as an error message shows it; long ones are cut. Not for values that may be secret: see {@link kindOf}. */
export function describeValue(value: unknown): string {
  if (typeof value === 'string') {
    const text = JSON.stringify(value).slice(1, -1).replaceAll('\\"', '"')
    return text.length > TEXT_MAX ? `'${text.slice(0, TEXT_MAX)}…'` : `'${text}'`
  }
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') return String(value)
  return kindOf(value)
}

/** What kind of value it is, without showing it. */
export function kindOf(value: unknown): string {
  if (value === null) return 'null'
  if (value === undefined) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  if (value instanceof Promise) return 'a promise'
  switch (typeof value) {
    case 'string':
      return 'text'
    case 'object':
      return 'an object'
    default:
      return `a ${typeof value}`
  }
}

/** Names in quotes, joined for a sentence: `'a', 'b' or 'c'`. */
export function anyOf(names: Iterable<string>): string {
  const quoted = [...names].map((name) => `'${name}'`)
  return quoted.length < 2 ? quoted.join('') : `${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1)}`
}
