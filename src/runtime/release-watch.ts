import type { FrameStore } from '../control/frame-store.ts'
import type { MetricFrame, MetricSample } from '../control/metric-frame.ts'
import type { MetricName } from '../control/metric-names.ts'
import type { Clock } from '../core/clock.ts'
import { createHistogram } from '../core/histogram.ts'
import type { Objective } from '../objectives/objective.ts'
import type { ReleaseVerdict } from '../objectives/release-verdict.ts'
import { judgeRelease } from '../objectives/release-verdict.ts'
import type { Measurement } from '../objectives/verdict.ts'

/** A service of which a new release serves. */
export interface WatchedService {
  readonly service: string
  readonly objective: Objective | undefined
  /** Whether only its canary serves it, or all instances. */
  readonly isCanary: boolean
  /** Ids of the instances that run it. */
  instances(): readonly string[]
}

/** @see watchRelease */
export interface ReleaseWatchOptions {
  readonly services: readonly WatchedService[]
  readonly frames: Pick<FrameStore, 'watch'>
  /** What the gateway measured before the release. */
  readonly before: readonly MetricFrame[]
  readonly durationMs: number
  readonly clock: Clock
  /** Ends it early. */
  readonly signal: AbortSignal
}

/**
 * Looks at what the gateway measures, every second, for so long, or until one of the services burns. Resolves with what is
 * known of each then.
 */
export async function watchRelease(options: ReleaseWatchOptions): Promise<ReadonlyMap<string, ReleaseVerdict>> {
  const { services, frames, before, durationMs, clock, signal } = options
  const over = new AbortController()
  const cancel = clock.schedule(durationMs, () => over.abort())
  const seen: MetricFrame[] = []
  const verdicts = new Map<string, ReleaseVerdict>()
  try {
    let isFirst = true
    for await (const frame of frames.watch({ signal: AbortSignal.any([over.signal, signal]) })) {
      if (frame.source !== 'gateway') continue
      // Of the first second a part was before.
      if (!isFirst) seen.push(frame)
      isFirst = false
      for (const service of services) {
        const verdict = judgeFrames(service, seen, before)
        verdicts.set(service.service, verdict)
      }
      if ([...verdicts.values()].some(({ state }) => state === 'burns')) break
    }
  } finally {
    cancel()
  }
  return verdicts
}

/** Judges a service by the gateway's frames. Pure. */
export function judgeFrames(
  watched: WatchedService,
  frames: readonly MetricFrame[],
  before: readonly MetricFrame[],
): ReleaseVerdict {
  const { service, objective, isCanary } = watched
  const ejected = ejectionsOf(watched, frames, before)
  if (ejected !== undefined) return { state: 'burns', reason: ejected }
  const all: MetricName = 'http.server.request.duration'
  return judgeRelease({
    objective,
    served: measured(frames, isCanary ? 'tenfold.gateway.canary.duration' : all, service),
    before: measured(before, all, service),
  })
}

/** An instance that gets nothing any more is measured no more: that it was taken out has to count by itself. */
function ejectionsOf(
  { service, instances }: WatchedService,
  frames: readonly MetricFrame[],
  before: readonly MetricFrame[],
): string | undefined {
  const tried = new Set(instances())
  const ejections = (some: readonly MetricFrame[]): readonly { readonly [name: string]: string }[] =>
    samplesOf(some, 'tenfold.gateway.ejections', service).map(({ labels = {} }) => labels)
  const now = ejections(frames)
  const isOurs = now.find(({ instance = '' }) => tried.has(instance))
  const isOfOthers = now.some(({ instance = '' }) => !tried.has(instance))
  if (isOurs === undefined || isOfOthers || ejections(before).length > 0) return undefined
  return `${isOurs['instance']} answered so badly that the gateway took it out (${isOurs['reason']})`
}

function measured(frames: readonly MetricFrame[], name: MetricName, service: string): Measurement {
  const succeeded = createHistogram()
  const bad = createHistogram()
  for (const sample of samplesOf(frames, name, service)) {
    if (!('histogram' in sample)) continue
    const isFailure = sample.labels?.['status_class'] === '5xx'
    ;(isFailure ? bad : succeeded).merge(sample.histogram)
  }
  return { succeeded, failed: bad.count }
}

function samplesOf(frames: readonly MetricFrame[], name: MetricName, service: string): readonly MetricSample[] {
  return frames.flatMap(({ source, samples }) =>
    source === 'gateway'
      ? samples.filter((sample) => sample.name === name && sample.labels?.['service'] === service)
      : [],
  )
}
