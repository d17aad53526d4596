import type { ShardDatabase } from '../shard-layout.ts'
import type { ShardMap } from '../shard-map.ts'
import { readSequences } from './moved-tables.ts'

/** Further than anybody can get with `nextval` between two parts of one statement. */
const LEAP = 100_000n

/**
 * Brings the sequences of moved tables beyond the values that came with the rows, so that the new owner gives none of them
 * again. Values are only ever taken, as `nextval` does; to set one would give again what somebody has been given meanwhile.
 */
export async function advanceSequences(from: ShardDatabase, to: ShardDatabase, map: ShardMap): Promise<void> {
  const [theirs, ours] = await Promise.all([readSequences(from, map), readSequences(to, map)])
  const present = new Map(ours.map((sequence) => [sequence.name, sequence.last]))
  for (const { name, last, increment } of theirs) {
    const ahead = (last - (present.get(name) ?? last)) / increment
    if (ahead <= 0n) continue
    await to.transaction(async (tx) => {
      if (ahead > LEAP) await tx.query('select setval($1::regclass, $2)', [name, String(last)])
      else await tx.query('select count(nextval($1::regclass)) from generate_series(1, $2)', [name, String(ahead)])
    })
  }
}
