import type { ResolvedGauge, ResolvedScale } from '../blueprint/resolved-scale.ts'
import type { MetricFrame, MetricSample } from '../control/metric-frame.ts'
import type { MetricName } from '../control/metric-names.ts'
import type { InstanceStatus } from '../control/snapshot.ts'
import type { ObservedInstance, Sample, WarmUp } from './group-instances.ts'
import { groupInstances } from './group-instances.ts'
import type { CapacityMemory } from './lag-signal.ts'
import { lagMeasurement } from './lag-signal.ts'
import type { Measurement } from './wanted-instances.ts'

/** What a signal is read from. */
export interface SignalSource {
  readonly service: string
  readonly scale: ResolvedScale
  readonly instances: readonly InstanceStatus[]
  /** Cores that one instance may use; undefined: a core counts as all. */
  readonly cpuLimit: number | undefined
  /** Those of the time that is looked at, in any order. */
  readonly frames: readonly MetricFrame[]
  readonly nowEpochMs: number
  readonly warmUp: WarmUp
  /** For `lag`: the topics that the service consumes, the queues that it works on, and how fast it is known to be. */
  readonly topics?: readonly string[]
  readonly queues?: readonly string[]
  readonly capacities?: CapacityMemory
}

/** A sample and the end of its second. */
interface Reading {
  readonly atEpochMs: number
  readonly sample: MetricSample
}

/**
 * The signal of a service as it was measured. `cpu` and `elu` are of each instance, and those that warm up are left
 * out; a gauge of its own is what each instance said last; `lag` is what waits on its topics. `inflight` and `arrivals` are counted in the gateway, for the
 * service as a whole, so that they do not change when instances come and go. Pure.
 */
export function readSignal(source: SignalSource): Measurement {
  const { scale } = source
  const { metric, target } = scale
  if (metric === 'inflight' || metric === 'arrivals') {
    return { kind: 'total', target, total: metric === 'inflight' ? inFlight(source) : arrivals(source) }
  }
  if (metric === 'lag') {
    const { service, frames, topics = [], queues = [], capacities = {} } = source
    return lagMeasurement({ service, topics, queues, frames, capacities, target })
  }
  const sampleOf = scale.metric === 'custom' ? gaugeOf.bind(undefined, scale) : scale.metric === 'cpu' ? cpuOf : eluOf
  const instances = source.instances.map((instance) => observe(instance, sampleOf(instance.id, source)))
  return {
    kind: metric === 'cpu' ? 'utilisation' : 'average',
    target,
    // Starting does not raise a number of its own, as far as anybody knows.
    groups: groupInstances(instances, source.nowEpochMs, metric === 'custom' ? undefined : source.warmUp),
  }
}

const STATES: Readonly<Record<InstanceStatus['state'], ObservedInstance['state']>> = {
  starting: 'running',
  ready: 'running',
  draining: 'leaving',
  stopping: 'leaving',
  stopped: 'leaving',
  'backing-off': 'pending',
  'crash-looping': 'pending',
}

/** Its start is not in the status: counted from when it became ready it only warms up a little longer. */
function observe({ state, sinceEpochMs }: InstanceStatus, sample: Sample | undefined): ObservedInstance {
  return {
    state: STATES[state],
    startedMs: sinceEpochMs,
    isReady: state === 'ready',
    readyChangedMs: sinceEpochMs,
    sample,
  }
}

/** Cores used: what came between the first look and the last, however far apart they were. */
function cpuOf(instance: string, { frames, cpuLimit }: SignalSource): Sample | undefined {
  const readings = readingsOf('process.cpu.time', frames, ({ labels }) => labels?.['instance'] === instance)
  const [first, last] = [readings[0], readings.at(-1)]
  if (first === undefined || last === undefined || first === last) return undefined
  const seconds = (last.atEpochMs - first.atEpochMs) / 1_000
  return { value: sumOf(readings.slice(1)) / seconds, limit: cpuLimit ?? 1, fromMs: first.atEpochMs }
}

function eluOf(instance: string, { frames }: SignalSource): Sample | undefined {
  const readings = readingsOf('nodejs.eventloop.utilization', frames, ({ labels }) => labels?.['instance'] === instance)
  if (readings.length === 0) return undefined
  // Each is of the second before.
  return { value: sumOf(readings) / readings.length, fromMs: readings[0]!.atEpochMs - 1_000 }
}

/** A level, so the last look is the best. */
function gaugeOf({ name }: ResolvedGauge, instance: string, { frames }: SignalSource): Sample | undefined {
  const isOurs = ({ labels }: MetricSample): boolean => labels?.['instance'] === instance && labels['metric'] === name
  const last = readingsOf('tenfold.autoscaler.signal', frames, isOurs).at(-1)
  return last === undefined ? undefined : { value: valueOf(last.sample), fromMs: last.atEpochMs }
}

function inFlight({ service, frames }: SignalSource): number | undefined {
  const readings = activeOf(service, frames)
  return readings.length === 0 ? undefined : sumOf(readings) / readings.length
}

/** What has ended, and what has come and not ended: answers alone would stop growing when the service is full. */
function arrivals({ service, frames }: SignalSource): number | undefined {
  const active = activeOf(service, frames)
  const [first, last] = [active[0], active.at(-1)]
  if (first === undefined || last === undefined || first === last) return undefined
  const isOurs = ({ labels }: MetricSample): boolean => labels?.['service'] === service
  const since = ({ atEpochMs }: Reading): boolean => atEpochMs > first.atEpochMs
  const ended = (['http.server.request.duration', 'tenfold.gateway.aborted'] as const)
    .map((name) => sumOf(readingsOf(name, frames, isOurs).filter(since)))
    .reduce((sum, count) => sum + count, 0)
  const grown = valueOf(last.sample) - valueOf(first.sample)
  return Math.max(0, ended + grown) / ((last.atEpochMs - first.atEpochMs) / 1_000)
}

function activeOf(service: string, frames: readonly MetricFrame[]): readonly Reading[] {
  const isWhole = ({ labels }: MetricSample): boolean =>
    labels?.['service'] === service && labels['instance'] === undefined
  return readingsOf('http.server.active_requests', frames, isWhole)
}

function readingsOf(
  name: MetricName,
  frames: readonly MetricFrame[],
  isWanted: (sample: MetricSample) => boolean,
): readonly Reading[] {
  return frames
    .flatMap(({ atEpochMs, samples }) =>
      samples.filter((sample) => sample.name === name && isWanted(sample)).map((sample) => ({ atEpochMs, sample })),
    )
    .toSorted((a, b) => a.atEpochMs - b.atEpochMs)
}

function sumOf(readings: readonly Reading[]): number {
  return readings.reduce((sum, { sample }) => sum + valueOf(sample), 0)
}

/** A level, or how many a distribution counts. */
function valueOf(sample: MetricSample): number {
  if ('value' in sample) return sample.value
  return sample.histogram.buckets.reduce((sum, [, count]) => sum + count, 0)
}
