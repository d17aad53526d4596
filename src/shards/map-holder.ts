import type { DatabaseConnection } from '../sql/database.ts'
import { readMap } from './shard-layout.ts'
import type { ShardMap } from './shard-map.ts'

/** The newest map that this process has seen. */
export interface MapHolder {
  readonly current: ShardMap | undefined
  /**
   * Looks for a map that is newer than the one given; gives that one again if there is none. Whoever asks while somebody
   * looks gets what he finds.
   *
   * @param known `from` is a shard that does not agree with the map, and so may have a newer one
   * @throws what the last shard said, when none has answered
   */
  newer(known: { readonly than: ShardMap; readonly from: number } | undefined): Promise<ShardMap>
}

/** Asks shards one after the other until one has something new. */
export function createMapHolder(options: {
  readonly shards: number
  at(shard: number): Pick<DatabaseConnection, 'transaction' | 'query'>
}): MapHolder {
  let current: ShardMap | undefined
  let looking: Promise<ShardMap> | undefined

  async function look(first: number): Promise<ShardMap> {
    const before = current?.epoch ?? 0
    let failure: unknown
    for (let n = 0; n < options.shards; n++) {
      try {
        // In a transaction: a single read would have to agree with the map that we do not have.
        const map = await options
          .at((first + n) % options.shards)
          .transaction((tx) => readMap(tx), { isReadOnly: true })
        if (current === undefined || map.epoch > current.epoch) current = map
        if (current.epoch > before) return current
      } catch (error) {
        failure = error
      }
    }
    if (current === undefined) throw failure
    return current
  }

  return {
    get current() {
      return current
    },
    async newer(known) {
      if (current !== undefined && (known === undefined || current.epoch > known.than.epoch)) return current
      looking ??= look(known?.from ?? 0).finally(() => (looking = undefined))
      return looking
    },
  }
}
