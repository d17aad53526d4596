import type { MetricFrame, MetricSample } from '../../src/control/metric-frame.ts'
import { createHistogram } from '../../src/core/histogram.ts'
import type { Random } from '../../src/core/random.ts'
import { postgresFrame } from '../../src/telemetry/postgres-frame.ts'
import type { PostgresReading } from '../../src/telemetry/postgres-statement.ts'

/** The size of the system whose frames are made up. */
export interface SystemSize {
  readonly services: number
  readonly instancesPerService: number
  readonly databases: number
  readonly requestsPerSecond: number
}

/** What a system of this size reports in one second: every source, metric and label that a real one has. */
export function systemFrames(size: SystemSize, random: Random): (epochMs: number) => readonly MetricFrame[] {
  const services = Array.from({ length: size.services }, (_, at) => `service-${at + 1}`)
  const databases = new Map<string, PostgresReading>()
  return (epochMs) => [
    gatewayFrame(services, size, random, epochMs),
    processFrame('gateway', {}, random, epochMs),
    ...services.flatMap((service) =>
      Array.from({ length: size.instancesPerService }, (_, at) => {
        const labels = { service, instance: `${service}-${at + 1}` }
        const source = `instance/${labels.instance}`
        return [instanceFrame(source, labels, random, epochMs), processFrame(source, labels, random, epochMs)]
      }).flat(),
    ),
    ...Array.from({ length: size.databases }, (_, at) => {
      const name = `database-${at + 1}`
      const before = databases.get(name)
      const now = nextReading(before, random)
      databases.set(name, now)
      return [
        postgresFrame(name, before, now, epochMs),
        processFrame(`postgres/${name}`, { database: name }, random, epochMs),
      ]
    }).flat(),
    hostFrame(random, epochMs),
  ]
}

function gatewayFrame(services: readonly string[], size: SystemSize, random: Random, atEpochMs: number): MetricFrame {
  const samples: MetricSample[] = []
  for (const service of services) {
    for (const name of ['tenfold.gateway.upstream.failures', 'tenfold.gateway.retries', 'tenfold.gateway.aborted']) {
      samples.push({ name, labels: { service }, value: 0 })
    }
    samples.push({ name: 'tenfold.gateway.queue.length', labels: { service }, value: 0 })
    samples.push({ name: 'http.server.active_requests', labels: { service }, value: random.integer(40) })
    for (let at = 1; at <= size.instancesPerService; at++) {
      const labels = { service, instance: `${service}-${at}` }
      samples.push({ name: 'http.server.active_requests', labels, value: random.integer(12) })
    }
    const perService = Math.round(size.requestsPerSecond / services.length)
    const latencies = (count: number, medianUs: number): MetricSample['histogram' & keyof MetricSample] => {
      const histogram = createHistogram()
      for (let at = 0; at < count; at++) histogram.record(Math.round(medianUs * Math.exp(0.6 * random.normal())))
      return histogram.serialise() as never
    }
    samples.push(
      {
        name: 'http.server.request.duration',
        labels: { service, status_class: '2xx' },
        histogram: latencies(perService, 8_000),
      } as MetricSample,
      {
        name: 'http.server.request.duration',
        labels: { service, status_class: '4xx' },
        histogram: latencies(3, 2_000),
      } as MetricSample,
    )
  }
  return { atEpochMs, source: 'gateway', samples }
}

function instanceFrame(
  source: string,
  labels: Readonly<Record<string, string>>,
  random: Random,
  atEpochMs: number,
): MetricFrame {
  const pauses = createHistogram()
  for (let at = random.integer(6); at >= 0; at--) pauses.record(500 + random.integer(3_000))
  return {
    atEpochMs,
    source,
    samples: [
      { name: 'nodejs.eventloop.utilization', labels, value: random.next() },
      { name: 'nodejs.eventloop.delay.p99', labels, value: random.exponential(0.004) },
      { name: 'nodejs.eventloop.delay.max', labels, value: random.exponential(0.01) },
      { name: 'v8js.memory.heap.used', labels, value: 40_000_000 + random.integer(40_000_000) },
      { name: 'v8js.memory.heap.limit', labels, value: 4_345_298_944 },
      { name: 'v8js.gc.duration', labels: { ...labels, gc_type: 'minor' }, histogram: pauses.serialise() },
    ],
  }
}

function processFrame(
  source: string,
  labels: Readonly<Record<string, string>>,
  random: Random,
  atEpochMs: number,
): MetricFrame {
  return {
    atEpochMs,
    source,
    samples: [
      { name: 'process.cpu.time', labels, value: random.integer(100) / 100 },
      { name: 'process.memory.usage', labels, value: 4_096 * (20_000 + random.integer(5_000)) },
    ],
  }
}

function nextReading(before: PostgresReading | undefined, random: Random): PostgresReading {
  const last = before?.counters
  const add = (counter: keyof PostgresReading['counters'], most: number): number =>
    (last?.[counter] ?? 0) + random.integer(most)
  return {
    connections: { active: random.integer(10), idle: random.integer(30), 'idle in transaction': random.integer(3) },
    waits: { IO: random.integer(3), LWLock: random.integer(2) },
    locksWaiting: 0,
    lagBytes: null,
    lagSeconds: null,
    sizeBytes: null,
    since: '',
    counters: {
      commits: add('commits', 800),
      rollbacks: add('rollbacks', 3),
      blocksRead: add('blocksRead', 200),
      blocksHit: add('blocksHit', 20_000),
      rowsReturned: add('rowsReturned', 50_000),
      rowsInserted: add('rowsInserted', 900),
      rowsUpdated: add('rowsUpdated', 900),
      rowsDeleted: add('rowsDeleted', 50),
      deadlocks: 0,
      temporaryBytes: 0,
      walBytes: add('walBytes', 2_000_000),
      readBytes: add('readBytes', 2_000_000),
      writtenBytes: add('writtenBytes', 4_000_000),
    },
  }
}

function hostFrame(random: Random, atEpochMs: number): MetricFrame {
  return {
    atEpochMs,
    source: 'host',
    samples: [
      { name: 'system.cpu.utilization', value: random.next() },
      { name: 'tenfold.host.cpu.stolen', value: 0 },
      { name: 'system.cpu.logical.count', value: 2 },
      { name: 'system.cpu.load_average.1m', value: random.exponential(2) },
      { name: 'system.memory.available', value: 4_096 * random.integer(4_000_000) },
      { name: 'system.memory.limit', value: 25_276_514_304 },
      { name: 'system.disk.io', labels: { direction: 'read' }, value: 0 },
      { name: 'system.disk.io', labels: { direction: 'write' }, value: 4_096 * random.integer(2_000) },
      { name: 'system.filesystem.utilization', value: 0.7 },
    ],
  }
}
