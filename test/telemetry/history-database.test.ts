import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import type { Histogram } from '../../src/core/histogram.ts'
import { deserialiseHistogram } from '../../src/core/histogram.ts'
import type { Span, TraceQuery } from '../../src/control/span.ts'
import type { SeriesPoint, SeriesQuery } from '../../src/control/series-query.ts'
import type { HistoryDatabase, HistoryLimits } from '../../src/telemetry/history-database.ts'
import { openHistoryDatabase } from '../../src/telemetry/history-database.ts'
import { gatewayFrame, temporaryDirectory } from './frames-for-tests.ts'

const LIMITS: HistoryLimits = {
  keepSeconds: { 1: 600, 10: 3_600, 60: 86_400 },
  bytesMax: 16 * 1024 ** 2,
  spansMax: 100,
}
/** A whole number of minutes. */
const T0 = 1_800_000_000

function place(): string {
  return join(temporaryDirectory(), 'telemetry', 'history.sqlite')
}

function pointsOf(
  history: HistoryDatabase,
  name: SeriesQuery['name'],
  options: Partial<SeriesQuery> = {},
): readonly SeriesPoint[] {
  const found = history.series({
    name,
    fromEpochMs: T0 * 1_000,
    toEpochMs: (T0 + 9_000) * 1_000,
    stepMs: 1_000,
    by: [],
    ...options,
  })
  return found[0]?.points ?? []
}

function valuesOf(points: readonly SeriesPoint[]): number[] {
  return points.map((point) => ('value' in point ? point.value : Number.NaN))
}

function distributionOf(point: SeriesPoint | undefined): Histogram {
  if (point === undefined || !('histogram' in point)) throw new Error('expected a distribution')
  return deserialiseHistogram(point.histogram)
}

describe('a history', () => {
  test('gives back what was measured, second by second, after a restart', () => {
    const file = place()
    const first = openHistoryDatabase(file, LIMITS)
    for (let second = 1; second <= 5; second++) {
      first.write([gatewayFrame(T0 + second, { retries: second, latencyUs: [1_000 * second] })])
    }
    first.close()
    const second = openHistoryDatabase(file, LIMITS)
    expect(second.putAside).toBeUndefined()
    expect(
      valuesOf(pointsOf(second, 'tenfold.gateway.retries', { stepMs: 1_000, toEpochMs: (T0 + 60) * 1_000 })),
    ).toEqual([1, 2, 3, 4, 5])
    second.close()
  })

  test('adds up series, and merges distributions rather than percentiles', () => {
    const history = openHistoryDatabase(place(), LIMITS)
    history.write([
      gatewayFrame(T0 + 1, { retries: 1, latencyUs: [100, 100, 100] }),
      { ...gatewayFrame(T0 + 1, { retries: 2, latencyUs: [900] }), source: 'gateway-2' },
      gatewayFrame(T0 + 9, {}),
    ])
    const range = { toEpochMs: (T0 + 60) * 1_000 }
    expect(valuesOf(pointsOf(history, 'tenfold.gateway.retries', range))).toEqual([3])
    expect(
      history.series({ name: 'tenfold.gateway.retries', fromEpochMs: T0 * 1_000, toEpochMs: (T0 + 60) * 1_000 }),
    ).toHaveLength(2)
    const point = pointsOf(history, 'http.server.request.duration', range)[0]
    const histogram = distributionOf(point)
    expect([histogram.percentile(75), histogram.percentile(76)]).toEqual([100, 900])
    history.close()
  })

  test('takes a frame of a second that is written already', () => {
    const history = openHistoryDatabase(place(), LIMITS)
    history.write([gatewayFrame(T0 + 1, { retries: 1 })])
    history.write([gatewayFrame(T0 + 10, { retries: 10 })])
    history.write([gatewayFrame(T0 + 1, { retries: 5 }), gatewayFrame(T0 + 20, {})])
    expect(valuesOf(pointsOf(history, 'tenfold.gateway.retries', { toEpochMs: (T0 + 60) * 1_000 }))).toEqual([6, 10])
    history.close()
  })

  test('counts everything in the longer steps when the clock was set back by hours', () => {
    const limits = { ...LIMITS, keepSeconds: { 1: 3 * 3_600, 10: 9 * 3_600, 60: 86_400 } }
    const history = openHistoryDatabase(place(), limits)
    const run = (from: number, seconds: number): void => {
      for (let at = from + 1; at <= from + seconds; at++) {
        history.write([gatewayFrame(at, { retries: 1 })])
        if (at % 5 === 0) history.maintain(at * 1_000)
      }
    }
    run(T0, 7_200)
    // Two hours back: the same seconds again, and on to where the clock had been before and beyond.
    run(T0, 3_600)
    for (let round = 0; round < 20; round++) history.maintain((T0 + 3_600) * 1_000)
    const retries = (stepMs: number, to: number): number =>
      valuesOf(
        pointsOf(history, 'tenfold.gateway.retries', { stepMs, fromEpochMs: T0 * 1_000, toEpochMs: (T0 + to) * 1_000 }),
      ).reduce((sum, value) => sum + value, 0)
    expect([retries(10_000, 3_000), retries(60_000, 3_000)]).toEqual([6_000, 6_000])
    // All but the step that the latest second belongs to.
    expect(retries(10_000, 7_000)).toBe(7_000 + 3_590)
    history.close()
  })

  test('keeps sums, means, peaks and distributions when seconds become minutes', () => {
    const history = openHistoryDatabase(place(), LIMITS)
    for (let second = 1; second <= 7_200; second++) {
      history.write([
        gatewayFrame(T0 + second, { retries: 1, active: second % 60 === 0 ? 50 : 1, latencyUs: [100 + (second % 50)] }),
      ])
      if (second % 60 === 0) history.maintain((T0 + second) * 1_000)
    }
    for (let round = 0; round < 20; round++) history.maintain((T0 + 7_200) * 1_000)

    const minutes = { stepMs: 60_000 }
    const retries = valuesOf(pointsOf(history, 'tenfold.gateway.retries', minutes))
    expect(retries.length).toBeGreaterThanOrEqual(118)
    expect(new Set(retries)).toEqual(new Set([60]))
    const [level] = pointsOf(history, 'http.server.active_requests', minutes)
    expect(level).toMatchObject({ atEpochMs: (T0 + 60) * 1_000, max: 50 })
    expect('value' in level! && level.value).toBeCloseTo(109 / 60, 5)
    const durations = pointsOf(history, 'http.server.request.duration', minutes)
    expect(distributionOf(durations[5]).count).toBe(60)

    // What is older than its time has gone from the short steps and is there in the long ones.
    const db = (step: number): number => {
      const points = pointsOf(history, 'tenfold.gateway.retries', { stepMs: step, fromEpochMs: (T0 + 6_900) * 1_000 })
      return points.length
    }
    expect(db(1_000)).toBeGreaterThan(290)
    expect(db(10_000)).toBeGreaterThan(28)
    history.close()
  })

  test('never grows beyond its bound, and keeps the newest', () => {
    const limits = { ...LIMITS, keepSeconds: { 1: 1e9, 10: 1e9, 60: 1e9 }, bytesMax: 1024 ** 2 }
    const file = place()
    const history = openHistoryDatabase(file, limits)
    for (let second = 1; second <= 4_000; second++) {
      const latencyUs = Array.from({ length: 100 }, (_, at) => (at * 7_919 * second) % 1_000_000)
      history.write([gatewayFrame(T0 + second, { retries: second, latencyUs })])
      if (second % 5 === 0) history.maintain((T0 + second) * 1_000)
    }
    expect(history.stats().bytes).toBeLessThanOrEqual(limits.bytesMax)
    expect(valuesOf(pointsOf(history, 'tenfold.gateway.retries', { fromEpochMs: (T0 + 3_990) * 1_000 })).at(-1)).toBe(
      3_998,
    )
    history.close()
    expect(statSync(file).size).toBeLessThanOrEqual(limits.bytesMax)
  })

  test('puts a damaged file aside and begins anew', () => {
    const file = place()
    openHistoryDatabase(file, LIMITS).close()
    writeFileSync(file, 'this has never been a database'.repeat(1_000))
    const history = openHistoryDatabase(file, LIMITS)
    expect(history.putAside).toMatchObject({
      file: `${file}.damaged`,
      reason: expect.stringContaining('not a database'),
    })
    expect(readFileSync(`${file}.damaged`, 'latin1')).toContain('never been')
    history.write([gatewayFrame(T0, { retries: 1 })])
    history.close()
  })

  test('leaves a file of another layout as it is, beside a new one', () => {
    const file = place()
    openHistoryDatabase(file, LIMITS).close()
    const db = new DatabaseSync(file)
    db.exec('pragma user_version = 7')
    db.close()
    const history = openHistoryDatabase(file, LIMITS)
    expect(history.putAside).toMatchObject({ file: `${file}.version-7` })
    expect(existsSync(`${file}.version-7`)).toBe(true)
    history.close()
  })

  test('gives the spans of a trace back in order, and keeps a bounded number', () => {
    const history = openHistoryDatabase(place(), LIMITS)
    const span = (traceId: string, at: number): Span => ({
      traceId,
      spanId: String(at).padStart(16, '0'),
      name: 'GET',
      kind: 'server',
      service: 'api',
      startEpochMs: T0 * 1_000 + at,
      durationMs: 1,
      isError: false,
      attributes: {},
    })
    history.addSpans([span('a', 2), span('b', 1), span('a', 1)])
    expect(history.trace('a').map(({ startEpochMs }) => startEpochMs - T0 * 1_000)).toEqual([1, 2])
    history.addSpans(Array.from({ length: 150 }, (_, at) => span('c', at)))
    history.maintain(T0 * 1_000)
    expect(history.trace('a')).toEqual([])
    expect(history.trace('c')).toHaveLength(100)
    history.maintain((T0 + 100_000) * 1_000)
    expect(history.trace('c')).toEqual([])
    history.close()
  })

  test('lists traces, slowest first, with their longest span', () => {
    const history = openHistoryDatabase(place(), LIMITS)
    const span = (traceId: string, durationMs: number, changes: Partial<Span> = {}): Span => ({
      traceId,
      spanId: '00f067aa0ba902b7',
      name: 'GET',
      kind: 'server',
      service: 'api',
      startEpochMs: T0 * 1_000,
      durationMs,
      isError: false,
      attributes: {},
      ...changes,
    })
    const gateway = { service: 'gateway', attributes: { 'tenfold.service': 'web' } }
    history.addSpans([
      span('a', 5),
      span('a', 9.5, gateway),
      span('b', 40, { isError: true }),
      span('b', 20, { isError: true, startEpochMs: (T0 - 100) * 1_000 }),
      span('c', 100, { startEpochMs: (T0 - 100) * 1_000 }),
    ])
    const listed = (query: Partial<TraceQuery>): readonly unknown[] =>
      history
        .traces({ sinceEpochMs: 0, limit: 10, ...query })
        .map(({ traceId, longest, spans, errors }) => [traceId, longest.durationMs, spans, errors])
    expect(listed({})).toEqual([
      ['c', 100, 1, 0],
      ['b', 40, 2, 2],
      ['a', 9.5, 2, 0],
    ])
    expect(listed({ sinceEpochMs: T0 * 1_000, limit: 1 })).toEqual([['b', 40, 1, 1]])
    expect(listed({ service: 'web' })).toEqual([['a', 9.5, 2, 0]])
    expect(listed({ service: 'gateway' })).toHaveLength(1)
    expect(listed({ service: 'nobody' })).toEqual([])
    history.close()
  })

  test('is for its owner alone, whatever the umask', () => {
    const before = process.umask(0)
    try {
      const file = place()
      openHistoryDatabase(file, LIMITS).close()
      expect(statSync(join(file, '..')).mode & 0o777).toBe(0o700)
    } finally {
      process.umask(before)
    }
  })

  test('refuses a question with too many points', () => {
    const history = openHistoryDatabase(place(), LIMITS)
    expect(() => pointsOf(history, 'process.cpu.time', { stepMs: 1_000, toEpochMs: (T0 + 20_000) * 1_000 })).toThrow(
      expect.objectContaining({ code: 'TF_INPUT_INVALID' }),
    )
    history.close()
  })
})
