import type { Place } from '../place.ts'
import { fromEnvironment } from './engine.ts'
import type { Reader } from './reader.ts'
import { anything, object, oneOf } from './reader.ts'
import { longDurationMs, sizeBytes } from './value.ts'

const cacheOptions = {
  engine: oneOf('redis'),
  url: fromEnvironment,
  value: anything,
  ttl: longDurationMs,
  capacity: sizeBytes(1024, '1KiB'),
  mode: oneOf('read-through', 'write-through', 'write-back'),
  consistency: oneOf('eventual', 'strong'),
}

/** A cache. */
export const cache: Reader<unknown> = (given, place) =>
  withAddress(object({ what: 'a cache', options: cacheOptions, required: ['ttl'] })(given, place), place)

/** An engine that is not embedded needs an address, and an address an engine. */
export function withAddress<Read extends { readonly engine: string | undefined; readonly url: unknown }>(
  read: Read | undefined,
  place: Place,
): Read | undefined {
  if (read?.engine !== undefined && read.url === undefined) {
    place
      .at('engine')
      .invalid(
        `expected 'url' beside engine '${read.engine}', got none`,
        `add url: { env: '${read.engine.toUpperCase()}_URL' }`,
      )
  }
  if (read?.url !== undefined && read.engine === undefined) {
    place.at('url').invalid("expected 'engine' beside 'url', got none", "add 'engine', or remove 'url'")
  }
  return read
}
