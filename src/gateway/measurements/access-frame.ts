import type { MetricFrame, MetricSample } from '../../control/metric-frame.ts'
import type { MetricName } from '../../control/metric-names.ts'
import type { Histogram } from '../../core/histogram.ts'
import type { GatewayErrorCode } from '../exchange/gateway-response.ts'
import type { ServiceUpstreams } from '../upstream/service-upstreams.ts'

/** What a frame is made of. */
export interface AccessSource {
  readonly services: ReadonlyMap<string, ServiceUpstreams>
  /** Requests refused before they reached a service, by reason. */
  readonly refused: Map<GatewayErrorCode, number>
}

/** What happened in the last second, as one frame; the counts begin again at 0. */
export function accessFrame(source: AccessSource, atEpochMs: number, certificateEndsEpochMs?: number): MetricFrame {
  const samples: MetricSample[] = []
  for (const service of source.services.values()) samples.push(...samplesOf(service))
  for (const [reason, count] of source.refused) samples.push(value('tenfold.gateway.refused', count, { reason }))
  source.refused.clear()
  if (certificateEndsEpochMs !== undefined) {
    samples.push(value('tenfold.gateway.certificate.expiry', Math.round(certificateEndsEpochMs / 1_000), {}))
  }
  return { atEpochMs, source: 'gateway', samples }
}

function samplesOf({ name: service, metrics, endpoints, health, canary, limit }: ServiceUpstreams): MetricSample[] {
  const samples: MetricSample[] = [
    value('http.server.active_requests', metrics.inFlight, { service }),
    value('tenfold.gateway.queue.length', metrics.queued, { service }),
    value('tenfold.gateway.upstream.failures', metrics.upstreamFailures, { service }),
    value('tenfold.gateway.retries', metrics.retries, { service }),
    value('tenfold.gateway.retries.refused', metrics.retriesRefused, { service }),
    value('tenfold.gateway.aborted', metrics.aborted, { service }),
    value('tenfold.gateway.instances.out', health.out.length, { service }),
    value('tenfold.gateway.panic', health.isPanic ? 1 : 0, { service }),
  ]
  if (limit !== undefined) samples.push(value('tenfold.gateway.limit', limit, { service }))
  for (const { instance, reason, count } of metrics.outs.values()) {
    samples.push(value('tenfold.gateway.ejections', count, { service, instance, reason }))
  }
  for (const { id: instance, inFlight } of endpoints) {
    samples.push(value('http.server.active_requests', inFlight, { service, instance }))
  }
  samples.push(...latencies('http.server.request.duration', service, metrics.latencyUs))
  metrics.reset()
  if (canary !== undefined) {
    samples.push(...latencies('tenfold.gateway.canary.duration', service, canary.latencyUs))
    for (const histogram of canary.latencyUs) histogram?.reset()
  }
  return samples
}

function latencies(
  name: MetricName,
  service: string,
  latencyUs: readonly (Histogram | undefined)[],
): readonly MetricSample[] {
  return [...latencyUs.entries()].flatMap(([digit, histogram]) => {
    if (histogram === undefined || histogram.count === 0) return []
    return [{ name, labels: { service, status_class: `${digit}xx` }, histogram: histogram.serialise() }]
  })
}

function value(name: MetricName, value: number, labels: Readonly<Record<string, string>>): MetricSample {
  return { name, labels, value }
}
