import { expect, test } from 'vitest'
import { lifetimeOf } from '../../src/cache/lifetime.ts'
import { seededRandom } from '../../src/core/random.ts'

const rules = {
  ttlMs: 10_000,
  absentTtlMs: 1_000,
  staleWhileRevalidateMs: 2_000,
  staleIfErrorMs: 60_000,
  earlyRefresh: 1,
}
const loaded = { beganMs: 100, endedMs: 200, isAbsent: false }

test('lives are spread over a tenth to both sides, and each has its moments in order', () => {
  const random = seededRandom(1)
  const lives = Array.from({ length: 2_000 }, () => lifetimeOf({ ...rules, earlyRefresh: 0 }, loaded, random))
  const expiries = lives.map(({ freshUntilMs }) => freshUntilMs - loaded.beganMs)
  expect(Math.min(...expiries)).toBeGreaterThanOrEqual(9_000)
  expect(Math.min(...expiries)).toBeLessThan(9_050)
  expect(Math.max(...expiries)).toBeLessThanOrEqual(11_000)
  expect(Math.max(...expiries)).toBeGreaterThan(10_950)
  for (const { freshUntilMs, staleUntilMs, spareUntilMs } of lives) {
    expect(staleUntilMs).toBe(freshUntilMs + 2_000)
    expect(spareUntilMs).toBe(freshUntilMs + 60_000)
  }
})

test('the early refresh comes as much earlier at the mean as loading takes', () => {
  const random = seededRandom(2)
  const early = Array.from({ length: 20_000 }, () => {
    const { freshUntilMs, staleUntilMs } = lifetimeOf(rules, loaded, random)
    return staleUntilMs - rules.staleWhileRevalidateMs - freshUntilMs
  })
  const mean = early.reduce((sum, each) => sum + each, 0) / early.length
  expect(mean).toBeGreaterThan(97)
  expect(mean).toBeLessThan(103)
})

test('a load that takes longer than the value is good leaves it half of its time', () => {
  const { freshUntilMs } = lifetimeOf(rules, { ...loaded, endedMs: 1e9 }, seededRandom(3))
  expect(freshUntilMs - loaded.beganMs).toBeGreaterThanOrEqual(4_500)
})

test('what is absent is neither refreshed early nor served late', () => {
  const life = lifetimeOf(rules, { ...loaded, isAbsent: true }, seededRandom(4))
  expect(life.freshUntilMs).toBeLessThanOrEqual(100 + 1_100)
  expect(life.spareUntilMs).toBe(life.freshUntilMs)
})
