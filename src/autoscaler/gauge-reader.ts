import type { ResolvedGauge } from '../blueprint/resolved-scale.ts'
import type { MetricFrame } from '../control/metric-frame.ts'
import type { Cancel, Clock } from '../core/clock.ts'
import type { Component } from '../core/component.ts'
import { messageOf } from '../core/errors.ts'
import { LOOK_INTERVAL_MS } from './autoscaler.ts'
import { gaugeOnPage } from './gauge-on-page.ts'
import type { PageAddress } from './read-page.ts'
import { readPage } from './read-page.ts'

/** A service that is scaled by a number of its own, and its instances that are ready. */
export interface GaugedService {
  readonly service: string
  readonly gauge: ResolvedGauge
  readonly instances: readonly { readonly id: string; readonly host: string; readonly port: number }[]
}

export interface GaugeReaderOptions {
  readonly services: () => readonly GaugedService[]
  readonly append: (frame: MetricFrame) => void
  /** Called when an instance can't be read, once until the service can be read again. */
  readonly onProblem: (service: string, message: string) => void
  readonly clock: Clock
  /** Control time runs so many times as fast. @default 1 */
  readonly timeScale?: number
  /** @default `readPage` */
  readonly read?: (address: PageAddress, timeoutMs: number) => Promise<string>
}

/** So often for each look of the autoscaler, that one page that is late does not leave it without a number. */
const READS_PER_LOOK = 3
const INTERVAL_MS_MIN = 1_000
const TIMEOUT_MS = 1_000

/** Reads the gauges of services that scale by one, three times for each look of the autoscaler, into frames. */
export function createGaugeReader(options: GaugeReaderOptions): Component {
  const { services, append, onProblem, clock, timeScale = 1, read = readPage } = options
  const failing = new Set<string>()
  let cancel: Cancel | undefined
  let round: Promise<void> = Promise.resolve()
  let isReading = false

  async function readOne({ service, gauge }: GaugedService, instance: GaugedService['instances'][number]) {
    try {
      const { host, port, id } = instance
      const value = gaugeOnPage(await read({ host, port, path: gauge.from }, TIMEOUT_MS), gauge)
      const labels = { service, metric: gauge.name, instance: id }
      return { sample: { name: 'tenfold.autoscaler.signal', labels, value } }
    } catch (error) {
      return { problem: `${instance.id}: ${messageOf(error)}` }
    }
  }

  async function readAll(): Promise<void> {
    for (const each of services()) {
      const read = await Promise.all(each.instances.map((instance) => readOne(each, instance)))
      if (cancel === undefined) return
      const samples = read.flatMap(({ sample }) => (sample === undefined ? [] : [sample]))
      if (samples.length > 0) append({ atEpochMs: clock.epochMs(), source: `gauge/${each.service}`, samples })
      const problem = read.find((one) => one.problem !== undefined)?.problem
      if (problem === undefined) failing.delete(each.service)
      else if (!failing.has(each.service)) {
        failing.add(each.service)
        onProblem(each.service, problem)
      }
    }
  }

  return {
    async start() {
      const intervalMs = Math.max(INTERVAL_MS_MIN, LOOK_INTERVAL_MS / READS_PER_LOOK / timeScale)
      cancel ??= clock.every(
        intervalMs,
        () => {
          // A round ends within a second for each service; the next one waits for it.
          if (isReading) return
          isReading = true
          round = readAll().finally(() => (isReading = false))
        },
        { unref: true },
      )
    },
    async stop() {
      cancel?.()
      cancel = undefined
      await round
    },
  }
}
