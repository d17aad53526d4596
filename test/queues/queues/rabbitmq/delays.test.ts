import { assert, integer, property } from 'fast-check'
import { expect, test } from 'vitest'
import { DELAY_MS_MAX, delayedRoute } from '../../../../src/queues/queues/rabbitmq/delays.ts'

test('the queues that a delayed item passes wait for its delay together, never less, and 50 ms more at most', () => {
  assert(
    property(integer({ min: 1, max: DELAY_MS_MAX }), (delayMs) => {
      const { exchange, routingKey, level } = delayedRoute(delayMs, 'emails.high')
      const words = routingKey.split('.')
      const bits = words.slice(0, -2)
      const waitMs = bits.reduce((sum, bit, at) => sum + (bit === '1' ? 50 * 2 ** (bits.length - 1 - at) : 0), 0)
      expect(waitMs).toBeGreaterThanOrEqual(delayMs)
      expect(waitMs).toBeLessThan(delayMs + 50)
      // It enters at its longest wait.
      expect(bits.indexOf('1')).toBe(bits.length - 1 - level)
      expect(exchange).toBe(`tenfold/delay/${level}`)
      expect(words.slice(-2)).toEqual(['emails', 'high'])
    }),
  )
})

test('a longer delay is refused', () => {
  expect(() => delayedRoute(DELAY_MS_MAX + 1, 'emails.high')).toThrow(
    expect.objectContaining({ code: 'TF_QUEUE_UNSUPPORTED' }),
  )
})
