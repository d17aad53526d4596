import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  childContext,
  formatTraceparent,
  isTraceSampled,
  newSpanId,
  newTrace,
  parseTraceparent,
} from '../../src/core/trace-context.ts'
import { uniqueId } from '../../src/core/random.ts'

const ID = '4bf92f3577b34da6a3ce929d0e0e4736'
const SPAN = '00f067aa0ba902b7'

describe('a traceparent', () => {
  test('comes back as it was', () => {
    fc.assert(
      fc.property(fc.boolean(), (isSampled) => {
        const context = newTrace(isSampled)
        expect(parseTraceparent(formatTraceparent(context))).toEqual(context)
      }),
    )
  })

  test.each([
    ['the example of the recommendation', `00-${ID}-${SPAN}-01`, true],
    ['other flags beside', `00-${ID}-${SPAN}-02`, false],
    ['a later version that says more', `cc-${ID}-${SPAN}-01-what-the-future-will-be-like`, true],
  ])('is read with %s', (_, header, isSampled) => {
    expect(parseTraceparent(header)).toEqual({ traceId: ID, spanId: SPAN, isSampled })
  })

  test.each([
    `00-${'0'.repeat(32)}-${SPAN}-01`,
    `00-${ID}-${'0'.repeat(16)}-01`,
    `ff-${ID}-${SPAN}-01`,
    `00-${ID}-${SPAN}-01-more`,
    `00-${ID.toUpperCase()}-${SPAN}-01`,
    `00-${ID}-${SPAN}`,
    `00-${ID}-${SPAN}-1`,
    ` 00-${ID}-${SPAN}-01`,
    '',
  ])('is refused as %j', (header) => {
    expect(parseTraceparent(header)).toBeUndefined()
  })
})

describe('ids', () => {
  test('of spans have 16 digits and are never all 0', () => {
    for (let at = 0; at < 1_000; at++) expect(newSpanId()).toMatch(/^[89ab][0-9a-f]{15}$/)
    const parent = newTrace(true)
    expect(childContext(parent)).toMatchObject({ traceId: parent.traceId, isSampled: true })
  })

  test('decide which share of the traces is kept', () => {
    const ids = Array.from({ length: 20_000 }, () => uniqueId().replaceAll('-', ''))
    const kept = ids.filter((id) => isTraceSampled(id, 0.1)).length
    expect(kept).toBeGreaterThan(1_600)
    expect(kept).toBeLessThan(2_400)
    expect(ids.some((id) => isTraceSampled(id, 0))).toBe(false)
    expect(ids.every((id) => isTraceSampled(id, 1))).toBe(true)
  })
})
