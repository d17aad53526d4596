import type { Place } from '../place.ts'
import type { ResolvedObjective } from '../resolved-blueprint.ts'
import type { Reader } from './reader.ts'
import { object } from './reader.ts'
import { durationMs, shareBetween } from './value.ts'

/** Everything about an objective but its service. */
export type ReadObjective = Omit<ResolvedObjective, 'service'>

const PERCENTILES = { p50: 50, p90: 90, p95: 95, p99: 99, 'p99.9': 99.9 } as const

const latency = object({
  what: 'latency',
  options: { p50: durationMs, p90: durationMs, p95: durationMs, p99: durationMs, 'p99.9': durationMs },
})
const grammar = object({ what: 'an objective', options: { availability: shareBetween, latency } })

/** What users of a service may count on. */
export const objective: Reader<ReadObjective> = (given, place) => {
  const before = place.problemCount
  const read = grammar(given, place)
  if (read === undefined) return undefined
  const bounds = Object.entries(PERCENTILES).flatMap(([name, percentile]) => {
    const boundMs = read.latency?.[name as keyof typeof PERCENTILES]
    return boundMs === undefined ? [] : [{ percentile, boundMs }]
  })
  checkOrder(bounds, place.at('latency'))
  if (read.availability === undefined && bounds.length === 0 && place.problemCount === before) {
    place.invalid(
      'expected an objective to promise something, got nothing',
      "add availability: 0.999 or latency: { p95: '200ms' }",
    )
  }
  return { availability: read.availability, latency: bounds }
}

/** A bound on a higher percentile that is tighter would make the lower one idle. */
function checkOrder(bounds: ResolvedObjective['latency'], place: Place): void {
  for (const [index, { percentile, boundMs }] of bounds.entries()) {
    const lower = bounds[index - 1]
    if (lower === undefined || boundMs >= lower.boundMs) continue
    place
      .at(`p${percentile}`)
      .invalid(
        `expected the bound of p${lower.percentile}, ${lower.boundMs}ms, or more, got ${boundMs}ms`,
        `raise it, or remove p${lower.percentile}`,
      )
  }
}
