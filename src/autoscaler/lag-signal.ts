import type { MetricFrame, MetricSample } from '../control/metric-frame.ts'
import type { MetricName } from '../control/metric-names.ts'
import type { Measurement } from './wanted-instances.ts'

/** What was seen of the work of a service on one topic or queue: messages, and the time in which as many as could be were done. */
export interface SeenCapacity {
  readonly messages: number
  readonly busySeconds: number
}

/** By `topic/NAME` and `queue/NAME`. */
export type CapacityMemory = Readonly<Record<string, SeenCapacity>>

/** What a lag is read from. */
export interface LagSource {
  readonly service: string
  /** Topics that it consumes. */
  readonly topics: readonly string[]
  /** Queues that it works on. */
  readonly queues: readonly string[]
  /** Those of the time that is looked at, in any order. */
  readonly frames: readonly MetricFrame[]
  readonly capacities: CapacityMemory
  /** How far behind an instance may be, s. */
  readonly target: number
}

/** Slower than any consumer that is worth scaling: a capacity of nearly nothing would ask for all instances at once. */
const CAPACITY_MIN = 0.1
/** What is left, after a further look, of what was seen before. */
const REMEMBERED = 0.8

/**
 * The lag of a service as time: how long one instance would need for all that waits, by what instances do in a second in
 * which they do nothing else. An instance should have no more of it than the target. Where something waits on a topic
 * whose capacity nobody has seen, nothing is known. Pure.
 *
 * @example 900 messages wait, an instance does 20 a second: 45 s, for a target of 5 s 9 instances
 */
export function lagMeasurement(source: LagSource): Measurement {
  const { service, frames, capacities, target } = source
  let total = 0
  for (const subject of subjectsOf(source)) {
    const waiting = waitingOf(service, subject, frames)
    if (waiting === undefined)
      return { kind: 'total', target, total: undefined, problem: `the lag on ${subject.name} was not read` }
    if (waiting === 0) continue
    const capacity = capacityOf(capacities[keyOf(subject)])
    if (capacity === undefined) {
      const problem = `nobody knows yet how fast an instance does ${subject.name}`
      return { kind: 'total', target, total: undefined, problem }
    }
    total += waiting / capacity
  }
  return { kind: 'total', target, total }
}

/**
 * Messages that an instance does in a second in which it is busy.
 *
 * @returns undefined where no message was seen to be done in such a time
 */
export function capacityOf(seen: SeenCapacity | undefined): number | undefined {
  if (seen === undefined || !(seen.busySeconds > 0) || !(seen.messages > 0)) return undefined
  return Math.max(CAPACITY_MIN, seen.messages / seen.busySeconds)
}

/**
 * What is known after a further look: later work counts more. A look in which no consumer was busy says nothing, nor does
 * one in which more tries failed than went well: what they wait for, more instances would not mend. Pure.
 */
export function nextCapacities(
  former: CapacityMemory,
  source: Pick<LagSource, 'service' | 'topics' | 'queues' | 'frames'>,
): CapacityMemory {
  const { service, frames } = source
  return Object.fromEntries(
    subjectsOf(source).flatMap((subject) => {
      const next = nextCapacity(former[keyOf(subject)], seenIn(frames, service, subject))
      return next === undefined ? [] : [[keyOf(subject), next]]
    }),
  )
}

/** What waits: on a topic, or in a queue. */
interface Subject {
  readonly kind: 'topic' | 'queue'
  readonly name: string
}

function subjectsOf({ topics, queues }: Pick<LagSource, 'topics' | 'queues'>): readonly Subject[] {
  return [
    ...topics.map((name) => ({ kind: 'topic' as const, name })),
    ...queues.map((name) => ({ kind: 'queue' as const, name })),
  ]
}

function keyOf({ kind, name }: Subject): string {
  return `${kind}/${name}`
}

function nextCapacity(
  former: SeenCapacity | undefined,
  seen: SeenCapacity & { readonly done: number; readonly failed: number },
): SeenCapacity | undefined {
  if (!(seen.busySeconds > 0) || seen.failed > seen.done) return former
  const { messages = 0, busySeconds = 0 } = former ?? {}
  return {
    messages: messages * REMEMBERED + seen.messages,
    busySeconds: busySeconds * REMEMBERED + seen.busySeconds,
  }
}

function seenIn(frames: readonly MetricFrame[], service: string, { kind, name }: Subject) {
  const seen = { messages: 0, busySeconds: 0, done: 0, failed: 0 }
  for (const { samples } of frames) {
    for (const sample of samples) {
      const { labels } = sample
      if (labels?.['service'] !== service || labels[kind] !== name) continue
      if (isValue(sample, 'tenfold.consumer.busy.messages')) seen.messages += sample.value
      else if (isValue(sample, 'tenfold.consumer.busy.time')) seen.busySeconds += sample.value
      else if (sample.name === 'messaging.process.duration' && 'histogram' in sample) {
        const calls = sample.histogram.buckets.reduce((sum, [, count]) => sum + count, 0)
        if (labels['outcome'] === 'failed') seen.failed += calls
        else seen.done += calls
      }
    }
  }
  return seen
}

/** As it was read last; the group of a topic is called as the service. */
function waitingOf(group: string, { kind, name }: Subject, frames: readonly MetricFrame[]): number | undefined {
  const metric = kind === 'topic' ? 'tenfold.topic.lag' : 'tenfold.queue.lag'
  let last: { readonly atEpochMs: number; readonly value: number } | undefined
  for (const { atEpochMs, samples } of frames) {
    for (const sample of samples) {
      if (!isValue(sample, metric) || (last !== undefined && atEpochMs < last.atEpochMs)) continue
      const { labels } = sample
      const isOurs =
        labels?.[kind] === name && labels['outbox'] === undefined && (kind === 'queue' || labels['group'] === group)
      if (isOurs) last = { atEpochMs, value: sample.value }
    }
  }
  return last?.value
}

function isValue(sample: MetricSample, name: MetricName): sample is MetricSample & { readonly value: number } {
  return sample.name === name && 'value' in sample
}
