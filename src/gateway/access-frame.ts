import type { MetricFrame, MetricSample } from '../control/metric-frame.ts'
import type { ServiceUpstreams } from './service-upstreams.ts'

/** What happened in the last second, as one frame; the counts begin again at 0. */
export function accessFrame(services: ReadonlyMap<string, ServiceUpstreams>, atEpochMs: number): MetricFrame {
  const samples: MetricSample[] = []
  for (const service of services.values()) samples.push(...samplesOf(service))
  return { atEpochMs, source: 'gateway', samples }
}

function samplesOf({ name: service, metrics, endpoints }: ServiceUpstreams): MetricSample[] {
  const labels = { service }
  const samples: MetricSample[] = [
    { name: 'http.server.active_requests', labels, value: metrics.inFlight },
    { name: 'gateway.queue.length', labels, value: metrics.queued },
    { name: 'gateway.upstream.failures', labels, value: metrics.upstreamFailures },
    { name: 'gateway.retries', labels, value: metrics.retries },
    { name: 'gateway.client.aborts', labels, value: metrics.aborted },
    { name: 'http.server.request.duration', labels, histogram: metrics.latencyUs.serialise() },
  ]
  for (const [digit, value] of metrics.answered.entries()) {
    if (value > 0) samples.push({ name: 'http.server.requests', labels: { service, status: `${digit}xx` }, value })
  }
  for (const { id: instance, inFlight } of endpoints) {
    samples.push({ name: 'gateway.instance.active_requests', labels: { service, instance }, value: inFlight })
  }
  metrics.reset()
  return samples
}
