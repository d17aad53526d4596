import { nextId, numberOf, ranksInZone } from './zones.ts'

/** One place in the set of instances, as far as decisions go. Times are of the monotonic clock. */
export interface ObservedInstance {
  readonly id: string
  readonly phase: InstancePhase
  /** It is being removed for good and does not count any more. */
  readonly isLeaving: boolean
  /** It is made from what is being replaced: it serves until one of the new ones does. @default false */
  readonly isOutdated?: boolean
}

export type InstancePhase =
  | /** Nothing runs; it may be started again at `untilMs`. */
    { readonly kind: 'waiting'; readonly untilMs: number; readonly isCrashLoop: boolean }
  | { readonly kind: 'starting'; readonly sinceMs: number }
  | /** `failedProbes` counts those in a row. */ {
      readonly kind: 'ready'
      readonly sinceMs: number
      readonly failedProbes: number
    }
  | /** Gets no new requests, still answers those it has. */ { readonly kind: 'draining' }
  | { readonly kind: 'stopping' }

/** What is to be done with one instance, and why. */
export type FleetAction =
  | { readonly kind: 'start'; readonly id: string; readonly reason: string }
  | /** For good: drain, stop, forget. */ {
      readonly kind: 'remove'
      readonly id: string
      readonly reason: string
    } /** Drain, stop, and start again after a pause. */
  | { readonly kind: 'restart'; readonly id: string; readonly reason: string }

/** Bounds of the decisions. */
export interface ReconcilePolicy {
  /** How many processes more than desired may run while old ones leave; 0: an outdated one leaves first. @default 1 */
  readonly surge: number
  /** How long an instance may take to become ready. */
  readonly startTimeoutMs: number
  /** So many failed probes in a row take an instance out of the balancer. @default 3 */
  readonly unhealthyAfterProbes: number
  /** So many restart it. @default 10 */
  readonly restartAfterProbes: number
  /** Ids for places that are filled; then come `api-1`, `api-2` … @default none */
  readonly preferredIds?: readonly string[]
  /** Places that instances are spread over. @default none */
  readonly zones?: readonly string[]
  /** Ids that others have. @default those of the instances */
  readonly taken?: readonly string[]
  /** So many start at once; each counts until it is ready, and for a second at most. @default any number */
  readonly startsAtOnce?: number
}

/** A start that waits for something else than the CPU must not hold up the next. */
const START_TURN_MS = 1_000

/**
 * What to do so that `desired` instances run. Pure; called again after each change until it asks for nothing.
 *
 * Starts never make more processes run than `desired` and the surge. Outdated instances that serve stay until as many new
 * ones are ready; those that don't serve leave at once. Those removed first are those that serve least: not running, not
 * ready, failing, then those of the zone that has the most, then the highest number. Failing instances are restarted one
 * at a time, since what fails all of them at once is seldom cured by a restart.
 */
export function reconcile(
  service: string,
  instances: readonly ObservedInstance[],
  desired: number,
  nowMs: number,
  policy: ReconcilePolicy,
): readonly FleetAction[] {
  const staying = instances.filter(({ isLeaving, isOutdated }) => !isLeaving && isOutdated !== true)
  const surplus = byUsefulness(staying, policy.zones).slice(desired)
  const kept = staying.filter((instance) => !surplus.includes(instance))
  const actions: FleetAction[] = surplus.map(({ id }) => ({
    kind: 'remove',
    id,
    reason: `${staying.length} instances, ${desired} desired`,
  }))
  for (const { id } of replaced(instances, kept, desired, policy)) {
    actions.push({ kind: 'remove', id, reason: 'it is replaced' })
  }
  for (const { id, phase } of kept) {
    if (phase.kind === 'starting' && nowMs >= dueMsOf(phase.sinceMs, policy)) {
      actions.push({ kind: 'restart', id, reason: `was not ready within ${policy.startTimeoutMs} ms` })
    }
  }
  const sick = mostFailing(kept, policy)
  const isOneRestarting = kept.some(({ phase }) => phase.kind === 'draining' || phase.kind === 'stopping')
  if (sick !== undefined && !isOneRestarting) {
    actions.push({ kind: 'restart', id: sick.id, reason: `${sick.failedProbes} health checks in a row failed` })
  }
  return [...actions, ...starts(service, instances, kept, desired, nowMs, policy)]
}

/**
 * Which instances should get requests: the ready ones, without those whose health checks fail, unless that would leave
 * less than half of what is desired. Then load, not the instances, is the likelier reason, and the rest would go under next.
 */
export function balanced(
  instances: readonly ObservedInstance[],
  desired: number,
  policy: ReconcilePolicy,
): readonly string[] {
  const ready = instances.flatMap(({ id, phase, isLeaving }) =>
    phase.kind === 'ready' && !isLeaving ? [{ id, failedProbes: phase.failedProbes }] : [],
  )
  const healthy = ready.filter(({ failedProbes }) => failedProbes < policy.unhealthyAfterProbes)
  return (healthy.length * 2 >= desired && healthy.length > 0 ? healthy : ready).map(({ id }) => id)
}

/** When the passing of time alone will call for an action next. */
export function nextDueMs(instances: readonly ObservedInstance[], nowMs: number, policy: ReconcilePolicy): number {
  const due = instances.map(({ phase, isLeaving }) => {
    if (isLeaving) return Infinity
    if (phase.kind === 'waiting') return phase.untilMs
    if (phase.kind !== 'starting') return Infinity
    const turnEndMs = phase.sinceMs + START_TURN_MS
    return Math.min(turnEndMs > nowMs ? turnEndMs : Infinity, dueMsOf(phase.sinceMs, policy))
  })
  return Math.min(Infinity, ...due)
}

/** Worked out in one way: a wake-up that fractions put a hair before what it is for would be the last. */
function dueMsOf(startingSinceMs: number, { startTimeoutMs }: ReconcilePolicy): number {
  return startingSinceMs + startTimeoutMs
}

/** The outdated that are not needed any more: as many may serve as there are places without a new one that is ready. */
function replaced(
  instances: readonly ObservedInstance[],
  current: readonly ObservedInstance[],
  desired: number,
  { surge }: ReconcilePolicy,
): readonly ObservedInstance[] {
  const outdated = instances.filter(({ isLeaving, isOutdated }) => !isLeaving && isOutdated === true)
  const serving = byUsefulness(outdated.filter(({ phase }) => phase.kind === 'ready'))
  const ready = current.filter(({ phase }) => phase.kind === 'ready').length
  const needed = new Set(serving.slice(0, Math.max(0, desired - ready - (surge === 0 ? 1 : 0))))
  return outdated.filter((instance) => !needed.has(instance))
}

function starts(
  service: string,
  instances: readonly ObservedInstance[],
  kept: readonly ObservedInstance[],
  desired: number,
  nowMs: number,
  policy: ReconcilePolicy,
): readonly FleetAction[] {
  const running = instances.filter(({ phase }) => phase.kind !== 'waiting').length
  const wanted: FleetAction[] = []
  for (const { id, phase } of kept) {
    if (phase.kind !== 'waiting' || phase.untilMs > nowMs) continue
    wanted.push({ kind: 'start', id, reason: 'its pause after a failure is over' })
  }
  const taken = new Set(policy.taken ?? instances.map(({ id }) => id))
  const ids = (policy.preferredIds ?? []).filter((id) => !taken.has(id))
  const places = kept.map(({ id }) => id)
  for (let missing = desired - kept.length; missing > 0; missing--) {
    const id = ids.shift() ?? nextId(service, taken, places, policy.zones)
    taken.add(id)
    places.push(id)
    wanted.push({ kind: 'start', id, reason: `${kept.length} instances, ${desired} desired` })
  }
  return wanted.slice(0, Math.max(0, Math.min(desired + policy.surge - running, turnsLeft(instances, nowMs, policy))))
}

/** Starts that take turns are ready sooner on average than all at once, and leave more to those that serve. */
function turnsLeft(
  instances: readonly ObservedInstance[],
  nowMs: number,
  { startsAtOnce = Infinity }: ReconcilePolicy,
): number {
  const taken = instances.filter(({ phase }) => phase.kind === 'starting' && nowMs < phase.sinceMs + START_TURN_MS)
  return startsAtOnce - taken.length
}

function mostFailing(
  kept: readonly ObservedInstance[],
  policy: ReconcilePolicy,
): { id: string; failedProbes: number } | undefined {
  let worst: { id: string; failedProbes: number } | undefined
  for (const { id, phase } of kept) {
    if (phase.kind !== 'ready' || phase.failedProbes < policy.restartAfterProbes) continue
    if (worst === undefined || phase.failedProbes > worst.failedProbes) worst = { id, failedProbes: phase.failedProbes }
  }
  return worst
}

const USEFULNESS = { ready: 0, starting: 1, draining: 2, stopping: 2, waiting: 3 } as const

function byUsefulness(instances: readonly ObservedInstance[], zones?: readonly string[]): readonly ObservedInstance[] {
  const rank = ({ phase }: ObservedInstance): number =>
    phase.kind === 'ready' && phase.failedProbes > 0 ? 0.5 : USEFULNESS[phase.kind]
  const sorted = instances.toSorted((a, b) => rank(a) - rank(b) || numberOf(a.id) - numberOf(b.id))
  const inZone = ranksInZone(
    sorted.map(({ id }) => id),
    zones,
  )
  return sorted.toSorted((a, b) => rank(a) - rank(b) || inZone.get(a.id)! - inZone.get(b.id)!)
}
