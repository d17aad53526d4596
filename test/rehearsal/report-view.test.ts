import { expect, test } from 'vitest'
import type { RehearsalReport, ServiceVerdict } from '../../src/rehearsal/rehearsal-report.ts'
import { reportView } from '../../src/rehearsal/report-view.ts'
import { judgeObjective } from '../../src/objectives/verdict.ts'
import { deserialiseHistogram } from '../../src/core/histogram.ts'
import type { FabricatedStep } from './fabricated-result.ts'
import { fabricatedResult } from './fabricated-result.ts'

const plain = (_style: unknown, text: string): string => text

function report(
  state: RehearsalReport['state'],
  steps: readonly FabricatedStep[],
  changes: Parameters<typeof fabricatedResult>[1] = {},
  invalid: readonly string[] = [],
): RehearsalReport {
  const load = fabricatedResult(steps, changes)
  const objective = { availability: 0.99, latency: [{ percentile: 95, boundMs: 100 }] }
  const measurement = {
    succeeded: deserialiseHistogram(load.latency.succeeded),
    failed: load.requests.failed,
  }
  const verdict: ServiceVerdict = {
    service: 'web',
    objective: { service: 'web', ...objective },
    measuredAt: 'users',
    verdict: judgeObjective(objective, measurement, { invalid }),
  }
  return {
    layout: 1,
    id: 'r1',
    system: 'shop',
    configuration: 'tenfold',
    startedEpochMs: 0,
    times: 1,
    peakPerSecond: 25,
    arrivals: { shape: 'poisson' },
    load,
    verdicts: [verdict],
    state,
  }
}

const cases: readonly [name: string, report: RehearsalReport][] = [
  ['passed', report('passed', [{ step: 'home', count: 1_000, latencyMs: 12 }])],
  [
    'failed',
    {
      ...report('failed', [{ step: 'home', count: 900, latencyMs: 250, failed: 100 }], {
        examples: [
          { scenario: 'visit', step: 'home', kind: 'status', problem: 'expected a status below 400, got 500' },
        ],
        timeScale: 60,
      }),
      times: 2,
      peakPerSecond: 50,
      controlTimeScale: 10,
    },
  ],
  [
    'generator-bound',
    report(
      'invalid',
      [{ step: 'home', count: 1_000, latencyMs: 12 }],
      {
        validity: {
          state: 'generator-bound',
          reasons: ['expected the generator to send within 10 ms (p99), got 50 ms'],
        },
      },
      ['expected the generator to send within 10 ms (p99), got 50 ms'],
    ),
  ],
  ['too-few', report('invalid', [{ step: 'home', count: 7, latencyMs: 12 }])],
  ['no-objectives', { ...report('invalid', [{ step: 'home', count: 1_000, latencyMs: 12 }]), verdicts: [] }],
  [
    'nothing-measured',
    report('invalid', [], { seconds: [], requests: { offered: 0, completed: 0, succeeded: 0, failed: 0 } }),
  ],
]

test.each(cases)('shows a rehearsal: %s', async (name, each) => {
  await expect(`${reportView(each, plain, 78)}\n`).toMatchFileSnapshot(`golden/${name}.txt`)
})

test('no line of the plot is wider than the terminal', () => {
  for (const columns of [64, 78, 100]) {
    const plot = reportView(cases[0]![1], plain, columns).split('\n').slice(2, 15)
    expect(Math.max(...plot.map((line) => [...line].length))).toBeLessThanOrEqual(columns)
  }
})
