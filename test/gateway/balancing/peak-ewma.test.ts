import { describe, expect, it } from 'vitest'
import { createPeakEwma, DECAY_MS, LATENCY_MS_MIN } from '../../../src/gateway/balancing/peak-ewma.ts'

describe('the peak average', () => {
  it('jumps up to a worse sample at once', () => {
    const latency = createPeakEwma(5, 0)
    latency.observe(80, 1)
    expect(latency.at(1)).toBe(80)
  })

  it('comes down slowly to better ones', () => {
    const latency = createPeakEwma(0, 0)
    latency.observe(100, 0)
    for (let nowMs = 10; nowMs <= 1_000; nowMs += 10) latency.observe(10, nowMs)
    expect(latency.at(1_000)).toBeGreaterThan(80)
    for (let nowMs = 1_010; nowMs <= 10 * DECAY_MS; nowMs += 10) latency.observe(10, nowMs)
    expect(latency.at(10 * DECAY_MS)).toBeCloseTo(10, 1)
  })

  it('forgets an instance that gets no requests, so that it is tried again', () => {
    const latency = createPeakEwma(100, 0)
    expect(latency.at(DECAY_MS)).toBeCloseTo(100 / Math.E, 5)
    expect(latency.at(100 * DECAY_MS)).toBe(LATENCY_MS_MIN)
  })

  it('starts a newcomer at what it is told', () => {
    expect(createPeakEwma(30, 0).at(0)).toBe(30)
    expect(createPeakEwma(0, 0).at(0)).toBe(LATENCY_MS_MIN)
  })
})
