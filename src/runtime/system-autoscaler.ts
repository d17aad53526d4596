import { availableParallelism, totalmem } from 'node:os'
import { join } from 'node:path'
import type { ScaledService, ScalingDecision } from '../autoscaler/autoscaler.ts'
import { createAutoscaler, LOOK_INTERVAL_MS } from '../autoscaler/autoscaler.ts'
import { capsOf } from '../autoscaler/caps.ts'
import { WARM_UP } from '../autoscaler/group-instances.ts'
import type { GaugedService } from '../autoscaler/gauge-reader.ts'
import { createGaugeReader } from '../autoscaler/gauge-reader.ts'
import { nextCapacities } from '../autoscaler/lag-signal.ts'
import { readSignal } from '../autoscaler/read-signal.ts'
import type { Measurement } from '../autoscaler/wanted-instances.ts'
import { CONNECTIONS_PER_NODE } from '../blueprint/connection-budget.ts'
import type { ResolvedService } from '../blueprint/resolved-blueprint.ts'
import { signalName, signalUnit } from '../blueprint/resolved-scale.ts'
import type { AuditLog } from '../control/audit-log.ts'
import type { MetricName } from '../control/metric-names.ts'
import type { MetricFrame } from '../control/metric-frame.ts'
import type { ScalingStatus } from '../control/snapshot.ts'
import type { Component } from '../core/component.ts'
import { TenfoldError } from '../core/errors.ts'
import { uniqueId } from '../core/random.ts'
import { LOOPBACK } from '../fleet/instance-hosts/local-instance.ts'
import { createCapacityRecord } from './capacity-record.ts'
import type { PartsContext } from './parts-context.ts'
import { keepFrame } from './parts-context.ts'
import { connectionsOf } from './service-bindings.ts'
import type { SystemServices } from './system-services.ts'

/** Scales the services of a system, by itself and by hand. */
export interface SystemScaler extends Component {
  /**
   * Sets how many instances of a service there are, and leaves it at that until `auto`.
   *
   * @throws TF_USAGE for a service that is not there, or that nothing scales for `auto`
   */
  scaleTo(service: string, count: number | 'auto'): ScalingOutcome
}

/** What became of a command. */
export interface ScalingOutcome {
  readonly service: string
  readonly mode: 'manual' | 'auto'
  /** Instances that are wanted now. */
  readonly count: number
  /** Why, where the autoscaler has decided. */
  readonly reason?: string
}

/** Readings come once a second, and between two there is only one difference. */
const WINDOW_MS_MIN = 3_500

/** The autoscaler of a system; its decisions go to the snapshot, the metrics and, where they change something, the audit log. */
export function createSystemScaler(context: PartsContext, services: SystemServices, audit: AuditLog): SystemScaler {
  const { clock, frames, snapshots, timeScale } = context
  const windowMs = Math.max(WINDOW_MS_MIN, LOOK_INTERVAL_MS / timeScale)
  const warmUp = {
    initialisationMs: WARM_UP.initialisationMs / timeScale,
    initialReadinessMs: WARM_UP.initialReadinessMs / timeScale,
  }

  const capacities = createCapacityRecord(join(context.state.directory, 'capacities.json'), (message) =>
    context.notice({ level: 'warning', message }),
  )
  const lookedEpochMs = new Map<string, number>()

  function scaled(): readonly ScaledService[] {
    return Object.values(context.blueprint.services).flatMap(({ name, scale, instances }) => {
      const status = snapshots.current().services[name]
      if (scale === undefined || status === undefined || services.revisionOf(name) === undefined) return []
      return [{ name, scale, min: instances.min, max: instances.max, current: status.desired }]
    })
  }

  /** What was seen since the last look is added up, each frame once. */
  function lookAtWork(service: string, work: { topics: readonly string[]; queues: readonly string[] }): void {
    const nowEpochMs = clock.epochMs()
    const seen = frames.since(lookedEpochMs.get(service) ?? nowEpochMs - windowMs)
    lookedEpochMs.set(
      service,
      seen.reduce((last, { atEpochMs }) => Math.max(last, atEpochMs), nowEpochMs - windowMs),
    )
    capacities.set(service, nextCapacities(capacities.of(service), { service, ...work, frames: seen }))
  }

  function measure({ name, scale }: ScaledService): Measurement {
    const nowEpochMs = clock.epochMs()
    const { consumes, works } = context.blueprint.services[name]!
    const work = { topics: consumes, queues: works }
    if (scale.metric === 'lag') lookAtWork(name, work)
    return readSignal({
      service: name,
      scale,
      instances: snapshots.current().services[name]!.instances,
      cpuLimit: context.blueprint.services[name]!.resources.cpu,
      frames: frames.since(nowEpochMs - windowMs),
      nowEpochMs,
      warmUp,
      ...work,
      capacities: capacities.of(name),
    })
  }

  function show(service: string, scaling: ScalingStatus | undefined): void {
    context.change((snapshot) => {
      if (snapshot.services[service] === undefined) return snapshot
      const { scaling: _, ...status } = snapshot.services[service]
      const next = scaling === undefined ? status : { ...status, scaling }
      return { ...snapshot, services: { ...snapshot.services, [service]: next } }
    })
  }

  function decided(decision: ScalingDecision): void {
    const { service, from, desired } = decision
    keepFrame(context, frameOf(decision))
    const former = snapshots.current().services[service]?.scaling
    const { scale } = decision
    const [metric, target] = [signalName(scale), scale.target]
    const last = summaryOf(decision)
    const changed = desired === from ? former?.lastChange : last
    show(service, { mode: 'auto', metric, target, last, ...(changed === undefined ? {} : { lastChange: changed }) })
    if (desired === from) return
    const at = new Date(decision.atEpochMs).toISOString()
    const entry = { at, id: uniqueId(), command: 'autoscale', event: 'done', arguments: { service, count: desired } }
    // That it can't be written down keeps nobody waiting for instances; a full disk is named elsewhere.
    audit.append({ ...entry, from, reason: reasonOf(decision), timeScale }).catch(() => undefined)
  }

  const gauges = createGaugeReader({
    services: () => gaugedServices(context),
    append: (frame) => keepFrame(context, frame),
    onProblem: (service, message) =>
      context.notice({ level: 'warning', message: `${service} is not scaled by what it publishes: ${message}` }),
    clock,
    timeScale,
  })
  const autoscaler = createAutoscaler({
    services: scaled,
    measure,
    caps: ({ name }) => capsOf(name, context.blueprint, countsOf(context), roomOf(context)),
    scale: (service, count) => services.scale(service, count),
    onDecision: decided,
    onForgotten: (service) => show(service, undefined),
    clock,
    timeScale,
  })
  return {
    async start(signal) {
      await capacities.load()
      capacities.keep(Object.keys(context.blueprint.services))
      await gauges.start(signal)
      await autoscaler.start(signal)
    },
    async stop(deadlineMs) {
      await autoscaler.stop(deadlineMs)
      await gauges.stop(deadlineMs)
      await capacities.flush()
    },
    scaleTo(service, count) {
      const status = snapshots.current().services[service]
      const scale = context.blueprint.services[service]?.scale
      if (count === 'auto') {
        if (scale === undefined) throw notScaled(service, context.blueprint.services)
        autoscaler.resume(service)
        const after = snapshots.current().services[service]
        const reason = after?.scaling?.last?.reason
        return { service, mode: 'auto', count: after?.desired ?? 0, ...(reason === undefined ? {} : { reason }) }
      }
      services.scale(service, count)
      autoscaler.pause(service)
      if (scale !== undefined) {
        const { lastChange } = status?.scaling ?? {}
        const [metric, target] = [signalName(scale), scale.target]
        show(service, { mode: 'manual', metric, target, ...(lastChange === undefined ? {} : { lastChange }) })
      }
      return { service, mode: 'manual', count }
    },
  }
}

function gaugedServices({ blueprint, snapshots }: PartsContext): readonly GaugedService[] {
  return Object.values(blueprint.services).flatMap(({ name, scale }) => {
    if (scale?.metric !== 'custom') return []
    const instances = (snapshots.current().services[name]?.instances ?? []).flatMap(({ id, state, port }) =>
      state === 'ready' && port !== undefined ? [{ id, host: LOOPBACK, port }] : [],
    )
    return [{ service: name, gauge: scale, instances }]
  })
}

/** How many of each service are wanted now. */
function countsOf({ snapshots }: PartsContext): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.values(snapshots.current().services).map(({ name, desired }) => [name, desired]))
}

function roomOf({ blueprint }: PartsContext): Parameters<typeof capsOf>[3] {
  return {
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    connections: Object.fromEntries(
      Object.keys(blueprint.databases).map((name) => [
        name,
        { most: CONNECTIONS_PER_NODE, each: connectionsOf(blueprint, name) },
      ]),
    ),
  }
}

function frameOf({ service, atEpochMs, scale, desired, wanted, value }: ScalingDecision): MetricFrame {
  const sample = (name: MetricName, number: number | undefined, labels = {}): MetricFrame['samples'] =>
    number === undefined ? [] : [{ name, labels: { service, ...labels }, value: number }]
  return {
    atEpochMs,
    source: 'autoscaler',
    samples: [
      ...sample('tenfold.autoscaler.desired', desired),
      ...sample('tenfold.autoscaler.wanted', wanted),
      ...sample('tenfold.autoscaler.signal', value, { metric: signalName(scale) }),
    ],
  }
}

function summaryOf(decision: ScalingDecision): NonNullable<ScalingStatus['last']> {
  const { atEpochMs, value, from, desired: to, wanted, limit } = decision
  return {
    atEpochMs,
    from,
    to,
    ...(value === undefined ? {} : { value }),
    ...(wanted === undefined ? {} : { wanted }),
    ...(limit === undefined ? {} : { limit: limit.kind, limitedBy: limit.by }),
    reason: reasonOf(decision),
  }
}

/** `cpu 0.85, target 0.6: wanted 9, capped at 4 by cores` */
function reasonOf({ scale, value, reason }: ScalingDecision): string {
  const [metric, unit] = [signalName(scale), signalUnit(scale)]
  return value === undefined
    ? `${metric}: ${reason}`
    : `${metric} ${Number(value.toPrecision(3))}${unit}, target ${scale.target}${unit}: ${reason}`
}

function notScaled(service: string, services: Readonly<Record<string, ResolvedService>>): TenfoldError {
  const scaled = Object.values(services).filter(({ scale }) => scale !== undefined)
  const names = scaled.map(({ name }) => name).join(', ') || 'there is none'
  return new TenfoldError('TF_USAGE', `expected a service that scales by itself (${names}), got ${service}`, {
    hint: `add "scale" to it in the blueprint, or give a number of instances`,
  })
}
