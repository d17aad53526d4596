import { join } from 'node:path'
import type { MetricFrame } from '../control/metric-frame.ts'
import type { Component } from '../core/component.ts'
import { messageOf, TenfoldError } from '../core/errors.ts'
import { createHostIoMetrics } from '../telemetry/host-io.ts'
import type { OtlpSettings } from '../telemetry/otlp-settings.ts'
import { otlpSettings } from '../telemetry/otlp-settings.ts'
import { createPostgresMetrics } from '../telemetry/postgres-metrics.ts'
import type { Telemetry, TelemetryOptions } from '../telemetry/telemetry.ts'
import { createTelemetry } from '../telemetry/telemetry.ts'
import { createFailoverMetrics } from './failover-metrics.ts'
import type { PartsContext } from './parts-context.ts'

/** The port that OpenTelemetry's exporters for Prometheus use. */
const METRICS_PORT = 9_464

/**
 * What becomes of a system's frames.
 *
 * @throws TF_OPTION_INVALID for a wrong TENFOLD_METRICS_PORT
 */
export function createSystemTelemetry(context: PartsContext): Telemetry {
  const { state, frames, clock, environment } = context
  const telemetry = createTelemetry({
    frames,
    historyFile: join(state.directory, 'telemetry', 'history.sqlite'),
    listener: metricsListener(environment['TENFOLD_METRICS_PORT']),
    otlp: collector(context),
    onNotice: (notice) => context.notice(notice),
    clock,
  })
  return {
    ...telemetry,
    async start(signal) {
      await telemetry.start(signal)
      const metricsUrl = telemetry.metricsUrl()
      if (metricsUrl !== undefined) context.change((snapshot) => ({ ...snapshot, telemetry: { metricsUrl } }))
    },
  }
}

/** What is measured from outside: the servers of databases that are ready, disks and network of the machine. */
export function createCollectors(
  { state, snapshots, clock }: PartsContext,
  options: { readonly append: (frame: MetricFrame) => void; readonly adminUrl: (database: string) => string },
): readonly Component[] {
  const { append, adminUrl } = options
  return [
    createHostIoMetrics({ directory: state.directory, clock, append }),
    createFailoverMetrics({ databases: () => Object.values(snapshots.current().databases), append, clock }),
    createPostgresMetrics({
      databases: () =>
        Object.values(snapshots.current().databases)
          .filter((database) => database.state === 'ready')
          .map(({ name }) => ({ name, url: adminUrl(name) })),
      clock,
      append,
    }),
  ]
}

/** Where spans are sent. A variable that is meant for other programs keeps nothing from starting. */
function collector(context: PartsContext): OtlpSettings | undefined {
  try {
    const settings = otlpSettings(context.environment)
    if (settings === undefined) return undefined
    return { ...settings, resource: { 'service.namespace': context.blueprint.name, ...settings.resource } }
  } catch (error) {
    const hint = error instanceof TenfoldError ? error.hint : undefined
    const message = `traces are not sent: ${messageOf(error)}`
    context.notice({ level: 'warning', message, ...(hint === undefined ? {} : { hint }) })
    return undefined
  }
}

/** Where the metrics are served, by `TENFOLD_METRICS_PORT`: a port, `off`, or nothing for 9464 or the next free one. */
export function metricsListener(text: string | undefined): TelemetryOptions['listener'] {
  if (text === undefined || text === '') return { port: METRICS_PORT, isPortGiven: false }
  if (text === 'off') return undefined
  const port = Number(text)
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return { port, isPortGiven: port !== 0 }
  throw new TenfoldError(
    'TF_OPTION_INVALID',
    `expected TENFOLD_METRICS_PORT to be a port from 0 to 65535 or "off", got ${JSON.stringify(text)}`,
    { hint: 'correct it, or unset it for the default' },
  )
}
