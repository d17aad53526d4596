import type { Clock } from '../../../core/clock.ts'
import type { PartitionReading } from '../../lag.ts'
import type { MemberNote } from './member-notes.ts'
import type { ClaimState } from './partition-claim.ts'

/** What is known of the partitions of one group, from what its members say. */
export interface ClaimNotes {
  hear(note: MemberNote): void
  /** @param waiting events in the partition's queue, beyond those that its owner has */
  readingOf(partition: number, waiting: number): Pick<PartitionReading, 'unread' | 'oldestAgeMs' | 'done' | 'owner'>
}

/** A member that was not heard of for so long has nothing any more. */
const SILENT_MS = 5_000

interface Place {
  done: bigint
  /** What its last owner has said. */
  last: { readonly owner: string; readonly claim: ClaimState; readonly heardMs: number } | undefined
  /** Since when something waits that nobody has. */
  waitsSinceMs: number | undefined
}

/** Begins with nothing; what was done before is not counted. */
export function createClaimNotes(clock: Clock): ClaimNotes {
  const places = new Map<number, Place>()
  function placeOf(partition: number): Place {
    const place = places.get(partition) ?? { done: 0n, last: undefined, waitsSinceMs: undefined }
    places.set(partition, place)
    return place
  }
  return {
    hear({ id, claims }) {
      const has = new Map(claims.map((claim) => [claim.partition, claim]))
      for (const place of places.values()) {
        if (place.last?.owner === id && !has.has(place.last.claim.partition)) place.last = undefined
      }
      for (const claim of claims) {
        const place = placeOf(claim.partition)
        // A claim counts from its beginning.
        const before = place.last?.owner === id && place.last.claim.done <= claim.done ? place.last.claim.done : 0
        place.done += BigInt(claim.done - before)
        place.last = { owner: id, claim, heardMs: clock.nowMs() }
      }
    },
    readingOf(partition, waiting) {
      const place = placeOf(partition)
      if (place.last !== undefined && clock.nowMs() - place.last.heardMs > SILENT_MS) place.last = undefined
      const { owner, claim } = place.last ?? {}
      const unread = waiting + (claim?.unfinished ?? 0)
      const nobodyHas = waiting > 0 && claim?.oldestEpochMs === undefined
      place.waitsSinceMs = nobodyHas ? (place.waitsSinceMs ?? clock.nowMs()) : undefined
      const oldestAgeMs =
        claim?.oldestEpochMs === undefined
          ? place.waitsSinceMs === undefined
            ? undefined
            : clock.nowMs() - place.waitsSinceMs
          : Math.max(0, clock.epochMs() - claim.oldestEpochMs)
      return { unread, oldestAgeMs, done: place.done, owner }
    },
  }
}
