import { describe, expect, it } from 'vitest'
import { FAILURE_KINDS } from '../../src/load/failure.ts'
import type { LoadSecond } from '../../src/load/load-result.ts'
import {
  addBank,
  COUNTERS,
  createBank,
  createMeter,
  createMeterMemory,
  failureCount,
  readBank,
} from '../../src/load/meter.ts'
import { createSecondMerger } from '../../src/load/second-merger.ts'
import { summarise } from '../../src/load/summarise.ts'

describe('the meter', () => {
  it('hands a bank over and goes on in the other', () => {
    const memory = createMeterMemory(1)
    const meter = createMeter(memory)
    const total = createBank(1)
    meter.bank.lag.record(5)
    const full = meter.flip()
    meter.bank.lag.record(7)
    readBank(memory, full as number, (bank) => addBank(total, bank))
    expect(total.lag.count).toBe(1)
    readBank(memory, meter.finish(), (bank) => addBank(total, bank))
    expect([total.lag.count, total.lag.sum]).toEqual([2, 12])
  })

  it('loses nothing when the reader is late: it goes on in the same bank', () => {
    const memory = createMeterMemory(1)
    const meter = createMeter(memory)
    const total = createBank(1)
    for (let second = 0; second < 10; second++) {
      meter.bank.succeeded[0]?.record(second)
      const full = meter.flip()
      expect(full === undefined).toBe(second > 0)
    }
    readBank(memory, 0, (bank) => addBank(total, bank))
    readBank(memory, meter.finish(), (bank) => addBank(total, bank))
    expect(total.succeeded[0]?.count).toBe(10)
  })

  it('gives a bank back empty', () => {
    const memory = createMeterMemory(2)
    const meter = createMeter(memory)
    meter.bank.failures[3] = 1
    meter.bank.counters[0] = 1
    meter.bank.failed[1]?.record(9)
    readBank(memory, meter.flip() as number, () => undefined)
    meter.flip()
    expect([meter.bank.failures[3], meter.bank.counters[0], meter.bank.failed[1]?.count]).toEqual([0, 0, 0])
  })

  it('counts failures by step and kind', () => {
    const bank = createBank(2)
    bank.failures[FAILURE_KINDS.indexOf('timeout')] = 2
    bank.failures[FAILURE_KINDS.length + FAILURE_KINDS.indexOf('timeout')] = 3
    expect([failureCount(bank, 'timeout'), failureCount(bank, 'timeout', 1), failureCount(bank, 'check')]).toEqual([
      5, 3, 0,
    ])
  })
})

describe('the seconds of several workers', () => {
  const second = (number: number) => ({ second: number, bank: undefined, inFlight: 1, due: 2 })

  it('come out in order, once all workers have reported them', () => {
    const out: LoadSecond[] = []
    const merger = createSecondMerger(2, (merged) => out.push(merged))
    const bank = createBank(1)
    bank.succeeded[0]?.record(2_000)
    bank.counters[COUNTERS.requestsOffered] = 1
    merger.add(second(0), bank)
    merger.add(second(1), undefined)
    expect(out).toEqual([])
    merger.add(second(0), bank)
    expect(out).toEqual([
      {
        second: 0,
        offered: 2,
        completed: 2,
        failed: 0,
        latencyMsP50: 2,
        latencyMsP95: 2,
        latencyMsP99: 2,
        inFlight: 2,
        waiting: 4,
      },
    ])
  })

  it('do not wait for a worker that has ended', () => {
    const out: number[] = []
    const merger = createSecondMerger(2, (merged) => out.push(merged.second))
    merger.add(second(0), undefined)
    merger.add(second(1), undefined)
    merger.add(second(0), undefined)
    merger.leave()
    expect(out).toEqual([0, 1])
  })
})

describe('the summary', () => {
  it('counts an answer that fails its check as completed, and one that never came as not', () => {
    const bank = createBank(2)
    bank.succeeded[0]?.record(1_000)
    bank.failed[1]?.record(2_000)
    bank.failed[1]?.record(10_000_000)
    bank.failures[FAILURE_KINDS.length + FAILURE_KINDS.indexOf('check')] = 1
    bank.failures[FAILURE_KINDS.length + FAILURE_KINDS.indexOf('timeout')] = 1
    const steps = [
      { name: 'a', path: '/' },
      { name: 'b', path: '/' },
    ]
    const summary = summarise(bank, [{ name: 's', steps }], 4)
    expect(summary.requests).toMatchObject({ completed: 2, succeeded: 1, failed: 2 })
    expect(summary.steps.map(({ step, succeeded, failed }) => [step, succeeded, failed])).toEqual([
      ['a', 1, 0],
      ['b', 0, 2],
    ])
    expect(summary.latency.msMax).toBe(10_000)
    expect(summary.sessions.unfinished).toBe(4)
  })
})
