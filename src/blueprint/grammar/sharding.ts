import { describeValue } from '../describe-value.ts'
import type { Sharding } from '../database.ts'
import type { Place } from '../place.ts'
import type { Read, Reader } from './reader.ts'
import { list, object, oneOf, record } from './reader.ts'
import { number, text } from './value.ts'

const SHARDS_MAX = 1024
const count = number({ min: 1, max: SHARDS_MAX, isInteger: true })

const keyValue: Reader<string | number> = (given, place) =>
  typeof given === 'string' || typeof given === 'number'
    ? given
    : place.invalid(
        `expected a key, text or a number, got ${describeValue(given)}`,
        'write the value of the key column',
      )

const by = oneOf('hash', 'modulo', 'range', 'list')
const what = 'sharding'
const forms = {
  hash: object({
    what: `${what} by hash`,
    options: { by, count, buckets: number({ min: 1, max: 65_536, isInteger: true }) },
    required: ['count'],
  }),
  modulo: object({ what: `${what} by modulo`, options: { by, count }, required: ['count'] }),
  range: object({
    what: `${what} by range`,
    options: { by, bounds: list('bounds', keyValue, { min: 1 }) },
    required: ['bounds'],
  }),
  list: object({
    what: `${what} by list`,
    options: { by, lists: record('lists of keys', list('keys', keyValue)), otherwise: text('the name of a list') },
    required: ['lists'],
  }),
}

/** How rows are spread, and what of it can be seen without the tables. */
export const sharding: Reader<Sharding> = (given, place) => {
  const kind = typeof given === 'object' && given !== null && 'by' in given ? given.by : undefined
  if (typeof given !== 'object' || given === null) {
    return place.invalid(`expected shards as { by, … }, got ${describeValue(given)}`, "write { by: 'hash', count: 4 }")
  }
  const form = by(kind, place.at('by'))
  if (form === 'hash') return checkBuckets(forms.hash(given, place), place)
  if (form === 'modulo') return modulo(forms.modulo(given, place))
  if (form === 'range') return checkBounds(forms.range(given, place), place)
  return form === undefined ? undefined : checkLists(forms.list(given, place), place)
}

function checkBuckets(read: Read<typeof forms.hash> | undefined, place: Place): Sharding | undefined {
  const { count: shards = 1, buckets = 1024 } = read ?? {}
  if (!Number.isInteger(Math.log2(buckets))) {
    place
      .at('buckets')
      .invalid(`expected a power of two, got ${buckets}`, `write ${2 ** Math.round(Math.log2(buckets))}`)
  } else if (buckets < shards) {
    place
      .at('buckets')
      .invalid(`expected ${shards} or more, one for each shard, got ${buckets}`, 'leave it out for 1024')
  }
  return { by: 'hash', count: shards, ...(read?.buckets === undefined ? {} : { buckets: read.buckets }) }
}

function modulo(read: Read<typeof forms.modulo> | undefined): Sharding {
  return { by: 'modulo', count: read?.count ?? 1 }
}

function checkBounds(read: Read<typeof forms.range> | undefined, place: Place): Sharding {
  const bounds = read?.bounds ?? []
  for (const [index, bound] of bounds.entries()) {
    const before = bounds[index - 1]
    if (before === undefined || (typeof before === typeof bound && before < bound)) continue
    place
      .at('bounds')
      .at(index)
      .invalid(
        `expected more than the bound before it, ${describeValue(before)}, got ${describeValue(bound)}`,
        'order the bounds, each once',
      )
  }
  return { by: 'range', bounds }
}

function checkLists(read: Read<typeof forms.list> | undefined, place: Place): Sharding {
  const lists = read?.lists ?? new Map<string, readonly (string | number)[] | undefined>()
  const { otherwise } = read ?? {}
  const seen = new Map<string | number, string>()
  for (const [name, keys] of lists) {
    for (const [index, key] of keys?.entries() ?? []) {
      const other = seen.get(key)
      if (other === undefined) seen.set(key, name)
      else
        place
          .at('lists')
          .at(name)
          .at(index)
          .invalid(`expected each key in one list, got ${describeValue(key)} also in '${other}'`, 'remove one of them')
    }
  }
  if (lists.size === 0 && read?.lists !== undefined) {
    place.at('lists').invalid('expected at least one list, got none', "write lists: { europe: ['DE', 'FR'] }")
  }
  if (otherwise !== undefined && !lists.has(otherwise)) {
    place
      .at('otherwise')
      .invalid(`expected the name of a list, got '${otherwise}'`, `use one of ${[...lists.keys()].join(', ')}`)
  }
  return {
    by: 'list',
    lists: Object.fromEntries([...lists].map(([name, keys]) => [name, keys ?? []])),
    ...(otherwise === undefined ? {} : { otherwise }),
  }
}
