import { subscribe } from 'node:diagnostics_channel'
import type { MetricSample } from '../control/metric-frame.ts'
import type { MetricName } from '../control/metric-names.ts'
import type { Histogram } from '../core/histogram.ts'
import { createHistogram } from '../core/histogram.ts'
import type { GivenUpItem, HandledItems } from '../queues/queue-report.ts'
import { HANDLED_CHANNEL, ITEM_GIVEN_UP_CHANNEL } from '../queues/queue-report.ts'
import type { GivenUpEvent, PublishReport, WorkReport } from '../topics/work-report.ts'
import { GIVEN_UP_CHANNEL, PUBLISHED_CHANNEL, WORK_CHANNEL } from '../topics/work-report.ts'

/** A topic or a queue, as the label that names it. */
type Subject = { readonly topic: string } | { readonly queue: string }

/** One call of a handler. */
interface Call {
  readonly count: number
  readonly hasFailed: boolean
  readonly isRetry: boolean
  readonly durationMs: number
  readonly busyMs: number
  readonly busyCount: number
}

/** What was measured of one topic or queue since it was last asked. */
interface Measured {
  readonly subject: Subject
  readonly durations: Readonly<Record<'done' | 'failed', Histogram>>
  readonly counts: Map<MetricName, number>
}

/** A service has to do with a few; what is beyond is not measured. */
const SUBJECTS_MAX = 40

/**
 * Listens to the publishers, consumers and workers of this process.
 *
 * @returns what has been measured since the last call, with these labels
 */
export function measureMessaging(labels: Readonly<Record<string, string>>): () => MetricSample[] {
  const subjects = new Map<string, Measured>()

  function of(subject: Subject): Measured | undefined {
    const name = JSON.stringify(subject)
    const known = subjects.get(name)
    if (known !== undefined || subjects.size >= SUBJECTS_MAX) return known
    const durations = { done: createHistogram(), failed: createHistogram() }
    const fresh = { subject, durations, counts: new Map<MetricName, number>() }
    subjects.set(name, fresh)
    return fresh
  }

  function count(subject: Subject, name: MetricName, by: number): void {
    const counts = of(subject)?.counts
    if (by > 0) counts?.set(name, (counts.get(name) ?? 0) + by)
  }

  function addCall(subject: Subject, call: Call): void {
    const outcome = call.hasFailed ? 'failed' : 'done'
    of(subject)?.durations[outcome].record(Math.max(0, Math.round(call.durationMs * 1_000)))
    if (!call.hasFailed) count(subject, 'messaging.client.consumed.messages', call.count)
    count(subject, 'tenfold.consumer.busy.messages', call.busyCount)
    count(subject, 'tenfold.consumer.busy.time', call.busyMs / 1_000)
    if (call.isRetry) count(subject, 'tenfold.consumer.retries', 1)
  }

  subscribe(PUBLISHED_CHANNEL, (message) => {
    const { topic, events } = message as PublishReport
    count({ topic }, 'messaging.client.sent.messages', events)
  })
  subscribe(WORK_CHANNEL, (message) => {
    const { topic, events, outcome, busyEvents, ...call } = message as WorkReport
    addCall({ topic }, { ...call, count: events, hasFailed: outcome === 'failed', busyCount: busyEvents })
  })
  subscribe(HANDLED_CHANNEL, (message) => {
    const { queue, ...call } = message as HandledItems
    addCall({ queue }, call)
  })
  subscribe(GIVEN_UP_CHANNEL, (message) => {
    count({ topic: (message as GivenUpEvent).topic }, 'tenfold.consumer.given_up', 1)
  })
  subscribe(ITEM_GIVEN_UP_CHANNEL, (message) => {
    count({ queue: (message as GivenUpItem).queue }, 'tenfold.consumer.given_up', 1)
  })

  return () => {
    const samples: MetricSample[] = []
    for (const { subject, durations, counts } of subjects.values()) {
      const at = { ...labels, ...subject }
      for (const [outcome, histogram] of Object.entries(durations)) {
        if (histogram.count === 0) continue
        const name: MetricName = 'messaging.process.duration'
        samples.push({ name, labels: { ...at, outcome }, histogram: histogram.serialise() })
        histogram.reset()
      }
      for (const [name, value] of counts) samples.push({ name, labels: at, value })
      counts.clear()
    }
    return samples
  }
}
