import type { ScalingDecision } from '../../src/autoscaler/autoscaler.ts'
import { LOOK_INTERVAL_MS } from '../../src/autoscaler/autoscaler.ts'
import type { ServiceStatus } from '../../src/control/snapshot.ts'
import type { Clock } from '../../src/core/clock.ts'
import type { HealthChange } from '../../src/gateway/health/service-health.ts'
import type { ServiceUpstreams } from '../../src/gateway/upstream/service-upstreams.ts'
import type { Upstream } from '../../src/gateway/upstream/upstream.ts'
import type { FleetSetting } from './fleet-simulation.ts'
import { DISTURBED_MS, STORY_MS } from './fleet-simulation.ts'
import type { SimulatedTraffic } from './simulated-traffic.ts'
import { TRAFFIC } from './simulated-traffic.ts'

/** Watches a run from outside, and keeps what must not be. */
export interface FleetCheckers {
  readonly defects: readonly string[]
  found(defect: string): void
  /** The fleet has asked a process to leave: nothing may be under way to it any more. */
  stopped(id: string, inFlight: number): void
  sent(upstream: Upstream, upstreams: ServiceUpstreams): void
  healthChanged(change: HealthChange<Upstream>, upstreams: ServiceUpstreams): void
  failed(why: string): void
  decided(decision: ScalingDecision): void
  /** The steady load has run for five minutes. */
  ended(status: ServiceStatus, traffic: SimulatedTraffic): void
}

/** Nothing fails and nothing is scaled in the last minute. */
const PEACE_MS = 60_000
const DEFECTS_MAX = 20

export function createFleetCheckers(setting: FleetSetting, clock: Clock): FleetCheckers {
  const defects: string[] = []
  /**
   * Without a band above the target the whole percents of an HPA can ask for 5 at 26 % and for 4 at 20 %, of the same
   * load: then it swings by one, out and in once in a window.
   */
  const isTight = setting.scale.tolerance.out === 0
  const turnsMax = isTight ? Math.ceil((2 * (STORY_MS - DISTURBED_MS)) / setting.scale.stabilisationMs.in) : 1
  let lastOutMs = -Infinity
  let turnsInCalm = 0
  let lastTurn: 'out' | 'in' | undefined

  function found(defect: string): void {
    if (defects.length < DEFECTS_MAX) defects.push(`${(clock.nowMs() / 1_000).toFixed(1)} s: ${defect}`)
  }

  function checkTurns({ from, desired }: ScalingDecision): void {
    const way = desired > from ? 'out' : 'in'
    // What was wanted then holds for the whole window: in again within it is a decision that forgot.
    const windowMs = setting.scale.stabilisationMs.in
    if (way === 'in' && clock.nowMs() - lastOutMs < windowMs) found(`in ${clock.nowMs() - lastOutMs} ms after out`)
    if (way === 'out') lastOutMs = clock.nowMs()
    // The way to the steady load is one turn; another would be swinging.
    const isSettled = clock.nowMs() > DISTURBED_MS + 2 * LOOK_INTERVAL_MS
    if (isSettled && lastTurn !== undefined && lastTurn !== way) turnsInCalm += 1
    if (isSettled) lastTurn = way
    if (turnsInCalm > turnsMax) found(`turned ${turnsInCalm} times under a steady load`)
  }

  return {
    defects,
    found,
    stopped(id, inFlight) {
      if (inFlight > 0) found(`${id} was asked to leave with ${inFlight} requests under way`)
    },
    sent(upstream, upstreams) {
      if (!upstreams.endpoints.includes(upstream))
        found(`a request went to ${upstream.id}, which is not listed any more`)
      const { out, isPanic } = upstreams.health
      if (!isPanic && out.some(({ instance }) => instance === upstream))
        found(`a request went to ${upstream.id}, which is ejected`)
    },
    healthChanged(change, { endpoints, health }) {
      if (change.kind !== 'out') return
      const ejected = health.out.filter(({ reason }) => reason !== 'probe').length
      const bound = Math.max(1, Math.floor(TRAFFIC.ejection!.atMost * endpoints.length))
      if (ejected > bound) found(`${ejected} of ${endpoints.length} are ejected, ${bound} may be`)
    },
    failed(why) {
      if (clock.nowMs() > STORY_MS - PEACE_MS && clock.nowMs() <= STORY_MS) found(`a request failed in peace: ${why}`)
    },
    decided(decision) {
      const { from, desired, reason } = decision
      const { min, max } = setting
      if (desired < min || desired > max) found(`${desired} instances, ${min} to ${max} allowed`)
      if (desired > Math.max(2 * from, from + 4)) found(`${from} → ${desired} at once`)
      if (reason === '') found('a decision without a reason')
      if (desired === from) return
      checkTurns(decision)
      const isSwing = isTight && Math.abs(desired - from) === 1
      if (clock.nowMs() > STORY_MS - PEACE_MS && !isSwing) found(`${from} → ${desired} in peace: ${reason}`)
    },
    ended(status, { counts, upstreams }) {
      const { desired, instances } = status
      const wanted = wantedUnder(setting)
      if (desired < wanted.least || desired > wanted.most) {
        found(`${desired} instances for ${setting.steadyRate}/s, expected ${wanted.least} to ${wanted.most}`)
      }
      const ready = instances.filter(({ state }) => state === 'ready').length
      if (ready !== desired || instances.length !== desired) {
        found(`${ready} of ${instances.length} are ready, ${desired} desired`)
      }
      if (upstreams.endpoints.length !== desired) found(`${upstreams.endpoints.length} are listed, ${desired} desired`)
      if (upstreams.health.out.length > 0) found(`${upstreams.health.out.length} are still out`)
      const underWay = counts.arrived - counts.answered - counts.failed
      const known = upstreams.metrics.inFlight
      if (underWay !== known) found(`${underWay} requests are neither answered nor failed, ${known} are under way`)
    },
  }
}

/**
 * What the steady load comes to by the signal, with the band in which nothing happens. Requests in flight are looked at
 * once a second, in step with what ends them: 0.15 to 0.4 s of load, in whole requests, and the same number at each look.
 */
function wantedUnder({ steadyRate, scale, min, max, cores, cpu }: FleetSetting): { least: number; most: number } {
  // A hair for what is rounded on the way.
  const [low, high] = [0.95 * steadyRate, 1.05 * steadyRate]
  const [least, most] = {
    cpu: [low / 6.25, high / 6.25],
    inflight: [Math.floor(low * 0.15) / 1.5, Math.ceil(high * 0.4) / 1.5],
    arrivals: [low / 6, high / 6],
  }[scale.metric as 'cpu'] as [number, number]
  const ceiling = Math.min(max, Math.max(min, Math.floor((cores - 0.2) / cpu)))
  const clamp = (count: number): number => Math.min(ceiling, Math.max(min, count))
  return {
    least: clamp(Math.floor(least / (1 + scale.tolerance.out))),
    most: clamp(Math.ceil(most / (1 - scale.tolerance.in))),
  }
}
