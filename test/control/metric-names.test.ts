import { describe, expect, test } from 'vitest'
import { checkFrame } from '../../src/control/check-frame.ts'
import type { MetricSample } from '../../src/control/metric-frame.ts'
import { metricDescription, METRICS } from '../../src/control/metric-names.ts'
import { metricsDocument } from '../../src/control/metrics-document.ts'

const names = Object.keys(METRICS)

describe('the table of metrics', () => {
  test('is in alphabetical order', () => {
    expect(names).toEqual(names.toSorted())
  })

  test('follows the conventions: dotted lower case, known units, whole microseconds in histograms', () => {
    for (const name of names) {
      const { kind, unit } = metricDescription(name)!
      expect(name).toMatch(/^[a-z0-9]+(\.[a-z0-9_]+)+$/)
      expect(unit).toMatch(/^(?:s|us|By|1|\{[a-z]+\})$/)
      expect([name, unit === 'us']).toEqual([name, kind === 'histogram'])
    }
  })

  test('has no row for a name that every object has', () => {
    expect(metricDescription('constructor')).toBeUndefined()
  })

  test('is whole in the reference', () => {
    const document = metricsDocument()
    for (const name of names) expect(document).toContain(`| \`${name}\` |`)
    expect(document).toContain('`service`, `status_class`, `instance`?')
  })
})

describe('a frame', () => {
  const frameOf = (sample: unknown): Parameters<typeof checkFrame>[0] => ({
    atEpochMs: 0,
    source: 'gateway',
    samples: [sample as MetricSample],
  })

  test('is accepted with names and labels of the table', () => {
    checkFrame(frameOf({ name: 'tenfold.gateway.retries', labels: { service: 'api' }, value: 0 }))
    checkFrame(frameOf({ name: 'process.cpu.time', value: 0.5 }))
    checkFrame(frameOf({ name: 'tenfold.generator.lateness', histogram: { buckets: [], sum: 0, max: 0 } }))
  })

  test.each([
    ['a name that is near', { name: 'tenfold.gateway.retry', value: 1 }, 'did you mean tenfold.gateway.retries?'],
    ['a name of its own', { name: 'x', value: 1 }, 'got x from gateway'],
    ['a missing label', { name: 'tenfold.gateway.retries', value: 1 }, 'no label service'],
    [
      'a label that would have many values',
      { name: 'tenfold.gateway.retries', labels: { service: 'api', path: '/x' }, value: 1 },
      'label path',
    ],
    ['a number for a histogram', { name: 'tenfold.generator.lateness', value: 1 }, 'a number for a histogram'],
    [
      'a histogram for a number',
      { name: 'process.cpu.time', histogram: { buckets: [], sum: 0, max: 0 } },
      'a histogram for a counter',
    ],
    ['no number', { name: 'process.cpu.time', value: Number.NaN }, 'NaN'],
  ])('is refused with %s', (_, sample, text) => {
    expect(() => checkFrame(frameOf(sample))).toThrow(
      expect.objectContaining({ code: 'TF_METRIC_UNKNOWN', message: expect.stringContaining(text) }),
    )
  })
})
