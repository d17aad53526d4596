import type { Clock } from './clock.ts'
import { systemClock } from './clock.ts'
import { randomBlock } from './random.ts'

/**
 * A new id: a UUID of version 7 (RFC 9562), which sorts by the time it was made, in PostgreSQL's `uuid` and as text. Nobody
 * has to be asked: 62 bits of each are random, so that two processes that make a million each in the same millisecond give
 * one out twice with a probability of less than 1 in a million.
 *
 * Of one process each id is greater than the one before, whatever its clock does: where that goes back, ids go on from the
 * last time until it has caught up. Of several, ids sort by the clocks of their machines.
 *
 * @example newId() // '019ab2c4-5d00-7123-8f6e-0c1d2e3f4a5b'
 */
export function newId(): string {
  return ofThisProcess()
}

/** What a source of ids needs; both have defaults. */
export interface IdSourceOptions {
  readonly clock?: Pick<Clock, 'epochMs'>
  /** 8 random bytes. */
  readonly random?: () => Buffer
}

/** Ids of a clock of one's own, for tests. */
export function createIdSource({ clock = systemClock, random = randomBlock }: IdSourceOptions = {}): () => string {
  let lastMs = -1
  let counter = 0
  return () => {
    const bytes = random()
    const nowMs = Math.floor(clock.epochMs())
    if (nowMs > lastMs) {
      lastMs = nowMs
      // Half of the room is left for those that follow in the same millisecond.
      counter = bytes.readUInt16LE(6) & 0x7ff
    } else if (counter < 0xfff) {
      counter++
    } else {
      lastMs++
      counter = 0
    }
    const time = lastMs.toString(16).padStart(12, '0')
    // The two bits of the variant are 10.
    bytes[0] = ((bytes[0] as number) & 0x3f) | 0x80
    const rest = bytes.toString('hex')
    return `${time.slice(0, 8)}-${time.slice(8)}-7${counter.toString(16).padStart(3, '0')}-${rest.slice(0, 4)}-${rest.slice(4)}`
  }
}

const ofThisProcess = createIdSource()
