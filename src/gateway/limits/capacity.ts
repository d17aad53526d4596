import type { IncomingMessage } from 'node:http'
import type { ResolvedTraffic } from '../../blueprint/resolved-traffic.ts'
import type { GradientLimit } from './gradient-limit.ts'
import { createGradientLimit } from './gradient-limit.ts'
import type { Shedding } from './shedding.ts'
import { createShedding } from './shedding.ts'

/** What all instances of a service together may have at a time. */
export interface Capacity {
  /** As it has been found out; undefined: nobody tries to. */
  readonly limit: number | undefined
  readonly isFull: boolean
  /** With more instances there is more to begin with, and more that all of them can have. */
  configure(traffic: ResolvedTraffic, instances: number): void
  /** An attempt has got a place in an instance; `leave` gives it back. */
  enter(): void
  leave(): void
  /** An instance began to answer, or has not, after this time. */
  observe(latencyMs: number, nowMs: number): void
  /** Whether a request is one that can be done without, and there is too much to do. */
  isShed(request: IncomingMessage, waiting: number): boolean
}

export function createCapacity(): Capacity {
  let underWay = 0
  let max = Infinity
  let gradient: GradientLimit | undefined
  let shedding: Shedding | undefined
  return {
    get limit() {
      return gradient?.limit
    },
    get isFull() {
      return gradient !== undefined && underWay >= gradient.limit
    },
    configure({ adaptive, shed, inFlight }, instances) {
      const count = Math.max(1, instances)
      max = inFlight.hard * count
      const bounds = { min: (adaptive?.start ?? 1) * count, max }
      if (adaptive === undefined) gradient = undefined
      else if (gradient === undefined) gradient = createGradientLimit(bounds)
      else gradient.bound(bounds)
      shedding = shed === undefined ? undefined : createShedding(shed)
    },
    enter: () => void (underWay += 1),
    leave: () => void (underWay -= 1),
    observe: (latencyMs, nowMs) => gradient?.observe(latencyMs, underWay, nowMs),
    isShed(request, waiting) {
      if (shedding === undefined || !shedding.isLow(request)) return false
      return shedding.isOver({ underWay, waiting, room: Math.min(max, gradient?.limit ?? Infinity) })
    },
  }
}
