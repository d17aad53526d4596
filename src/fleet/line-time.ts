/** Names that loggers give the time: pino and bunyan, winston, zap, Elastic. */
const FIELDS = ['time', 'timestamp', 'ts', '@timestamp'] as const

/** 2026-01-01T12:00:00.123Z, with a space for the T, with or without fractions and zone, perhaps in brackets. */
const LEADING = /^\[?(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?) ?(Z|UTC|[+-]\d\d:?\d\d)?\b/

/**
 * When a line says that it was written: the time of a JSON object, or one in ISO 8601 that the line begins with; without
 * a zone it is taken as UTC. Undefined when it does not say.
 *
 * @example timeOfLine('{"level":30,"time":1767268800000,"msg":"ready"}') // 1767268800000
 * @example timeOfLine('2026-01-01T12:00:00Z ready') // 1767268800000
 */
export function timeOfLine(line: string): number | undefined {
  if (line.startsWith('{')) return timeOfObject(line)
  const match = LEADING.exec(line)
  if (match === null) return undefined
  const zone = match[2] === undefined || match[2] === 'UTC' ? 'Z' : match[2]
  return validTime(Date.parse(`${match[1]!.replace(' ', 'T').replace(',', '.')}${zone}`))
}

function timeOfObject(line: string): number | undefined {
  let fields: Readonly<Record<string, unknown>>
  try {
    fields = JSON.parse(line) as Readonly<Record<string, unknown>>
  } catch {
    // It only looks like JSON.
    return undefined
  }
  for (const name of FIELDS) {
    const value = fields[name]
    if (typeof value === 'string') return validTime(Date.parse(value))
    // Seconds, as zap writes them, are below 1e11 until the year 5138.
    if (typeof value === 'number') return validTime(value < 1e11 ? value * 1_000 : value)
  }
  return undefined
}

function validTime(epochMs: number): number | undefined {
  return Number.isFinite(epochMs) && epochMs > 0 ? Math.round(epochMs) : undefined
}
