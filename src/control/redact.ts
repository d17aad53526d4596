const SECRET_NAME = /secret|password|passphrase|token|credential|private.?key|api.?key|authorization/i
const TEXT_MAX = 500
const ITEMS_MAX = 100
const DEPTH_MAX = 6

/**
 * A value as it may be written to a log: what has a secret's name is left out, what is long is cut.
 *
 * @param secrets further names whose values are secret
 * @example redact({ user: 'ada', password: 'x' }) // { user: 'ada', password: '[redacted]' }
 */
export function redact(value: unknown, secrets: readonly string[] = []): unknown {
  return copy(value, new Set(secrets), 0)
}

function copy(value: unknown, secrets: ReadonlySet<string>, depth: number): unknown {
  if (typeof value === 'string') return value.length > TEXT_MAX ? `${value.slice(0, TEXT_MAX)}…` : value
  if (typeof value !== 'object' || value === null) return value
  if (depth === DEPTH_MAX) return '…'
  if (Array.isArray(value)) return value.slice(0, ITEMS_MAX).map((item) => copy(item, secrets, depth + 1))
  const entries = Object.entries(value).slice(0, ITEMS_MAX)
  return Object.fromEntries(
    entries.map(([name, item]) => {
      const isSecret = secrets.has(name) || SECRET_NAME.test(name)
      return [name, isSecret ? '[redacted]' : copy(item, secrets, depth + 1)]
    }),
  )
}
