import type { Clock } from '../core/clock.ts'
import { uniqueId } from '../core/random.ts'

/**
 * A UUID whose first 48 bits are the time (version 7 of RFC 9562), so that an index by it grows at its end.
 *
 * @example createItemId(systemClock) // '01937f3a-5c5e-7d0a-9f3b-0c8a4f1e2d6b'
 */
export function createItemId(clock: Clock): string {
  const time = Math.max(0, Math.floor(clock.epochMs())).toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7${uniqueId().slice(15)}`
}
