import type { Place } from '../place.ts'
import { withAddress } from './store.ts'

/**
 * Topics and queues in PostgreSQL are held by a database of the blueprint; an engine elsewhere has an address.
 *
 * @param runs engines elsewhere that this version runs
 */
export function checkEngine(
  read: { readonly engine: string | undefined; readonly url: unknown },
  place: Place,
  { what, runs }: { readonly what: 'a topic' | 'a queue'; readonly runs: readonly string[] },
): void {
  const { engine, url } = read
  if (engine === undefined || engine === 'postgres') {
    if (url === undefined) return
    place
      .at('url')
      .invalid(
        `expected ${what} in PostgreSQL to name a 'database' of the blueprint, got 'url'`,
        "give the 'url' to the database, and name it here: database: 'events'",
      )
    return
  }
  withAddress(read, place)
  if (runs.includes(engine)) return
  place.at('engine').notImplemented(`this version can't run ${what} on ${engine} yet`, "remove 'engine' and 'url'")
}
