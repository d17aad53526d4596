import type { IncomingMessage } from 'node:http'
import type { ResolvedShed } from '../../blueprint/resolved-traffic.ts'

/** Which requests are turned away first, by their headers alone. */
export interface Shedding {
  /** Whether a request is one that can be done without. */
  isLow(request: IncomingMessage): boolean
  /** Whether such a request finds no place: of `room` they get a share, and they never wait. */
  isOver(load: { readonly underWay: number; readonly waiting: number; readonly room: number }): boolean
}

export function createShedding({ header, low, share }: ResolvedShed): Shedding {
  const values = new Set(low)
  return {
    isLow({ headers }) {
      const value = headers[header]
      return typeof value === 'string' && values.has(value.trim().toLowerCase())
    },
    // With so little room that its share is less than a request, one may come where nothing else is under way.
    isOver: ({ underWay, waiting, room }) => waiting > 0 || underWay >= Math.max(1, Math.floor(room * share)),
  }
}
