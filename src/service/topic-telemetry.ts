import { subscribe } from 'node:diagnostics_channel'
import type { MetricSample } from '../control/metric-frame.ts'
import type { MetricName } from '../control/metric-names.ts'
import type { Histogram } from '../core/histogram.ts'
import { createHistogram } from '../core/histogram.ts'
import type { GivenUpEvent, PublishReport, WorkReport } from '../topics/work-report.ts'
import { GIVEN_UP_CHANNEL, PUBLISHED_CHANNEL, WORK_CHANNEL } from '../topics/work-report.ts'

/** What was measured of one topic since it was last asked. */
interface Measured {
  readonly durations: Readonly<Record<WorkReport['outcome'], Histogram>>
  readonly counts: Map<MetricName, number>
}

/** A service has to do with a few topics; what is beyond is not measured. */
const TOPICS_MAX = 40

/**
 * Listens to the publishers and consumers of this process.
 *
 * @returns what has been measured since the last call, with these labels
 */
export function measureTopics(labels: Readonly<Record<string, string>>): () => MetricSample[] {
  const topics = new Map<string, Measured>()

  function of(topic: string): Measured | undefined {
    const known = topics.get(topic)
    if (known !== undefined || topics.size >= TOPICS_MAX) return known
    const fresh = {
      durations: { done: createHistogram(), failed: createHistogram() },
      counts: new Map<MetricName, number>(),
    }
    topics.set(topic, fresh)
    return fresh
  }

  function count(topic: string, name: MetricName, by: number): void {
    const counts = of(topic)?.counts
    if (by > 0) counts?.set(name, (counts.get(name) ?? 0) + by)
  }

  subscribe(PUBLISHED_CHANNEL, (message) => {
    const { topic, events } = message as PublishReport
    count(topic, 'messaging.client.sent.messages', events)
  })
  subscribe(WORK_CHANNEL, (message) => {
    const { topic, events, outcome, isRetry, durationMs, busyMs, busyEvents } = message as WorkReport
    of(topic)?.durations[outcome].record(Math.max(0, Math.round(durationMs * 1_000)))
    if (outcome === 'done') count(topic, 'messaging.client.consumed.messages', events)
    count(topic, 'tenfold.topic.busy.messages', busyEvents)
    count(topic, 'tenfold.topic.busy.time', busyMs / 1_000)
    if (isRetry) count(topic, 'tenfold.topic.retries', 1)
  })
  subscribe(GIVEN_UP_CHANNEL, (message) => {
    count((message as GivenUpEvent).topic, 'tenfold.topic.given_up', 1)
  })

  return () => {
    const samples: MetricSample[] = []
    for (const [topic, { durations, counts }] of topics) {
      const at = { ...labels, topic }
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
