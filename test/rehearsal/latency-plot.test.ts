import { describe, expect, test } from 'vitest'
import { drawLatencyPlot } from '../../src/rehearsal/latency-plot.ts'

const steady = (valueMs: number): number[] => Array.from({ length: 30 }, () => valueMs)

describe('latency plot', () => {
  test('keeps to its width and height', () => {
    const lines = drawLatencyPlot(
      { series: [{ label: 'p95', valuesMs: steady(20) }], rates: steady(5), durationSeconds: 30 },
      { columns: 60, rows: 8 },
    ).split('\n')
    expect(lines).toHaveLength(8 + 3)
    expect(Math.max(...lines.slice(1, 9).map((line) => line.length))).toBe(60)
  })

  test('draws a slow moment above a fast one, and the bound between them', () => {
    const valuesMs = [...steady(10), ...steady(900)]
    const bound = { label: 'objective', valueMs: 100 }
    const lines = drawLatencyPlot({
      series: [{ label: 'p95', valuesMs }],
      bound,
      rates: valuesMs,
      durationSeconds: 60,
    }).split('\n')
    const slow = lines.findIndex((line) => /\s[⠀-⣿]{20,}$/.test(line))
    const fast = lines.findIndex((line) => /┤[⠀-⣿]{20,}/.test(line))
    const middle = lines.findIndex((line) => line.startsWith('  100ms ┤╌'))
    expect(slow).toBeGreaterThan(0)
    expect(middle).toBeGreaterThan(slow)
    expect(fast).toBeGreaterThan(middle)
  })

  test('leaves a gap where nothing was measured', () => {
    const valuesMs = [...steady(10), ...Array.from({ length: 30 }, () => undefined), ...steady(10)]
    const text = drawLatencyPlot({ series: [{ label: 'p95', valuesMs }], rates: [], durationSeconds: 90 })
    expect(text).toMatch(/[⠁-⣿] {15,}[⠁-⣿]/)
  })

  test('survives having nothing to draw', () => {
    expect(drawLatencyPlot({ series: [], rates: [], durationSeconds: 0 })).toContain('0s')
  })
})
