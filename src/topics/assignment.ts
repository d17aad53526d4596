/** A group at one moment. */
export interface GroupView {
  readonly me: string
  /** Everybody who has been heard of lately; whether `me` is among them does not matter. */
  readonly members: readonly string[]
  /** Who may read each partition now; undefined: nobody. */
  readonly partitions: readonly { readonly partition: number; readonly owner: string | undefined }[]
}

/** What one member does about it. */
export interface Assignment {
  readonly take: readonly number[]
  readonly giveBack: readonly number[]
}

/**
 * What a member takes and gives back, so that all have the same number of partitions, or one more. Everybody decides for
 * himself: members who see the same come to fitting decisions, and for those who do not, the database decides whose claim
 * counts. Who has more keeps more, so that nothing moves without need. Pure.
 *
 * @example
 * assign({ me: 'b', members: ['a', 'b'], partitions: [{ partition: 0, owner: 'a' }, { partition: 1, owner: 'a' }] })
 * // { take: [], giveBack: [] }, until a has given one back
 */
export function assign({ me, members, partitions }: GroupView): Assignment {
  const counts = new Map([me, ...members].map((member) => [member, 0]))
  const mine: number[] = []
  const free: number[] = []
  for (const { partition, owner } of partitions) {
    if (owner === me) mine.push(partition)
    if (owner === undefined) free.push(partition)
    // One who is not heard of any more keeps what he has, until that runs out.
    const count = owner === undefined ? undefined : counts.get(owner)
    if (owner !== undefined && count !== undefined) counts.set(owner, count + 1)
  }
  const ranking = [...counts].sort(([a, hasA], [b, hasB]) => hasB - hasA || (a < b ? -1 : 1)).map(([member]) => member)
  const rank = ranking.indexOf(me)
  const share = Math.floor(partitions.length / ranking.length) + (rank < partitions.length % ranking.length ? 1 : 0)
  if (mine.length >= share) return { take: [], giveBack: mine.slice(share) }
  // Each begins at another place, so that few want the same.
  const start = Math.floor((rank * free.length) / ranking.length)
  const order = [...free.slice(start), ...free.slice(0, start)]
  return { take: order.slice(0, share - mine.length), giveBack: [] }
}
