import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { createHistogram } from '../../src/core/histogram.ts'
import type { MetricFrame, SerialisedHistogram } from '../../src/control/metric-frame.ts'

/** A directory that goes when the test has ended. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'tenfold-telemetry-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

export function histogramOf(...values: readonly number[]): SerialisedHistogram {
  const histogram = createHistogram()
  for (const value of values) histogram.record(value)
  return histogram.serialise()
}

/** What a gateway reports of one service in the second that ends at `second`. */
export function gatewayFrame(
  second: number,
  values: { retries?: number; active?: number; latencyUs?: readonly number[] },
): MetricFrame {
  const labels = { service: 'api' }
  const { retries, active, latencyUs } = values
  return {
    atEpochMs: second * 1_000,
    source: 'gateway',
    samples: [
      ...(retries === undefined ? [] : [{ name: 'tenfold.gateway.retries', labels, value: retries }]),
      ...(active === undefined ? [] : [{ name: 'http.server.active_requests', labels, value: active }]),
      ...(latencyUs === undefined
        ? []
        : [
            {
              name: 'http.server.request.duration',
              labels: { ...labels, status_class: '2xx' },
              histogram: histogramOf(...latencyUs),
            },
          ]),
    ],
  }
}
