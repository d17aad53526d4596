/**
 * The zone of an instance: it follows from the number in its id alone, so that an instance that is started again, or
 * adopted by a later run, is where it was.
 *
 * @example zoneOf('api-3', ['a', 'b']) // 'a'
 */
export function zoneOf(id: string, zones: readonly string[]): string | undefined {
  return zones[(numberOf(id) - 1) % zones.length]
}

/**
 * The id of one instance more: of a zone that has the fewest, the lowest number that is free.
 *
 * @param taken ids that are not free
 * @param kept ids of the instances that count
 */
export function nextId(
  service: string,
  taken: ReadonlySet<string>,
  kept: readonly string[],
  zones: readonly string[] = [],
): string {
  const count = Math.max(1, zones.length)
  const counts = Array.from(
    { length: count },
    (_, zone) => kept.filter((id) => (numberOf(id) - 1) % count === zone).length,
  )
  const fewest = Math.min(...counts)
  for (let number = 1; ; number++) {
    const id = `${service}-${number}`
    if (counts[(number - 1) % count] === fewest && !taken.has(id)) return id
  }
}

/**
 * How many instances of its zone come before each, in the given order: who is cut off by this first is one of a zone that
 * has the most.
 */
export function ranksInZone(ids: readonly string[], zones: readonly string[] = []): ReadonlyMap<string, number> {
  const counts = new Map<string | undefined, number>()
  return new Map(
    ids.map((id, index) => {
      const zone = zones.length === 0 ? undefined : zoneOf(id, zones)
      const rank = counts.get(zone) ?? 0
      counts.set(zone, rank + 1)
      // Without zones their order is that of all.
      return [id, zones.length === 0 ? index : rank] as const
    }),
  )
}

/** @example numberOf('price-list-12') // 12 */
export function numberOf(id: string): number {
  return Number(id.slice(id.lastIndexOf('-') + 1))
}
