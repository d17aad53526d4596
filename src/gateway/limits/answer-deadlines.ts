import type { DeadlineList } from './deadline-list.ts'
import { createDeadlineList } from './deadline-list.ts'

/** Deadlines for the first byte of the answers of one service: by its own time-out, and by those of its routes. */
export interface AnswerDeadlines {
  /** Of the service; holds for requests from now on. */
  timeoutMs: number
  /** @param routeTimeoutMs undefined: the route has none of its own */
  of(routeTimeoutMs: number | undefined): DeadlineList
  /** Ends every wait that is due. */
  sweep(nowMs: number): void
}

/** A list for each time-out that a route has ever had: those of a blueprint and of its edits. */
export function createAnswerDeadlines(): AnswerDeadlines {
  const ofService = createDeadlineList(30_000)
  const ofRoutes = new Map<number, DeadlineList>()
  return {
    get timeoutMs() {
      return ofService.timeoutMs
    },
    set timeoutMs(timeoutMs) {
      ofService.timeoutMs = timeoutMs
    },
    of(routeTimeoutMs) {
      if (routeTimeoutMs === undefined) return ofService
      const known = ofRoutes.get(routeTimeoutMs)
      if (known !== undefined) return known
      const list = createDeadlineList(routeTimeoutMs)
      ofRoutes.set(routeTimeoutMs, list)
      return list
    },
    sweep(nowMs) {
      ofService.sweep(nowMs)
      for (const list of ofRoutes.values()) list.sweep(nowMs)
    },
  }
}
