import { describe, expect, test } from 'vitest'
import type { Span } from '../../../src/control/span.ts'
import { asSpan } from '../../../src/control/span.ts'
import { uniqueId } from '../../../src/core/random.ts'
import { forwardHead, isRefused } from '../../../src/gateway/exchange/request-headers.ts'
import { requestTrace } from '../../../src/gateway/exchange/request-trace.ts'
import { createSpanFeed, isTraced } from '../../../src/gateway/measurements/span-feed.ts'
import { createTraceSampler, TRACE_SHARE } from '../../../src/gateway/measurements/trace-sampler.ts'
import { virtualClock } from '../../../src/testing/virtual-clock.ts'

const ID = '4bf92f3577b34da6a3ce929d0e0e4736'
const PARENT = '00f067aa0ba902b7'

const never = (): boolean => false

function headersOf(...rawHeaders: readonly string[]): Map<string, string[]> {
  const head = forwardHead(['Host', 'a', ...rawHeaders], {
    httpVersion: '1.1',
    remoteAddress: '10.0.0.7',
    protocol: 'http',
    headersMax: 100,
    isKept: never,
  })
  if (isRefused(head)) throw new Error(head.reason)
  const headers = new Map<string, string[]>()
  for (let at = 0; at < head.headers.length; at += 2) {
    const name = head.headers[at]!.toLowerCase()
    headers.set(name, [...(headers.get(name) ?? []), head.headers[at + 1]!])
  }
  return headers
}

describe('the trace of a request', () => {
  test('goes on with the one of the sender, below a span of the gateway', () => {
    const headers = headersOf('Traceparent', `00-${ID}-${PARENT}-01`, 'tracestate', 'a=1', 'tracestate', 'b=2')
    expect(headers.get('traceparent')).toEqual([
      expect.stringMatching(new RegExp(`^00-${ID}-(?!${PARENT})[0-9a-f]{16}-01$`)),
    ])
    expect(headers.get('tracestate')).toEqual(['a=1,b=2'])
  })

  test('has the digits of the request id where both begin here', () => {
    const headers = headersOf()
    const digits = headers.get('x-request-id')![0]!.replaceAll('-', '')
    expect(headers.get('traceparent')).toEqual([expect.stringMatching(new RegExp(`^00-${digits}-[0-9a-f]{16}-0[01]$`))])
  })

  test.each([
    ['is broken', ['traceparent', '00-1-2-01']],
    ['is there twice', ['traceparent', `00-${ID}-${PARENT}-01`, 'traceparent', `00-${ID}-${PARENT}-01`]],
  ])('begins anew, without a foreign state, where the given one %s', (_, given) => {
    const headers = headersOf(...given, 'tracestate', 'a=1', 'x-request-id', 'mine')
    expect(headers.get('traceparent')).toHaveLength(1)
    expect(headers.get('traceparent')![0]).not.toContain(ID)
    expect(headers.has('tracestate')).toBe(false)
  })

  test('is kept for the first of each second, one in a hundred of the others, and as the sender says', async () => {
    const clock = virtualClock()
    const sampler = createTraceSampler(clock)
    const traces = Array.from({ length: 20_000 }, () => requestTrace(undefined, uniqueId(), sampler.isKept))
    expect(traces[0]?.isSampled).toBe(true)
    const share = traces.filter(({ isSampled }) => isSampled).length / traces.length
    expect(share).toBeGreaterThan(TRACE_SHARE / 2)
    expect(share).toBeLessThan(TRACE_SHARE * 2)
    const unlucky = 'f'.repeat(32)
    expect(sampler.isKept(unlucky)).toBe(false)
    await clock.advance('1s')
    expect([sampler.isKept(unlucky), sampler.isKept(unlucky)]).toEqual([true, false])
    sampler.end()
    expect(clock.pending).toBe(0)
    expect(requestTrace(`00-${ID}-${PARENT}-01`, uniqueId(), never).isSampled).toBe(true)
    expect(requestTrace(`00-${ID}-${PARENT}-00`, uniqueId(), () => true).isSampled).toBe(false)
  })
})

describe('the spans of the gateway', () => {
  const trace = requestTrace(`00-${ID}-${PARENT}-01`, undefined, never)
  const other = requestTrace(`00-${ID}-${PARENT}-00`, undefined, never)
  const request = {
    trace,
    method: 'GET',
    target: '/orders?token=secret',
    service: 'api',
    instance: 'api-1',
    status: 200,
    durationMs: 5,
  }

  test('come once a second, without what the query holds', async () => {
    const clock = virtualClock()
    const feed = createSpanFeed(clock)
    feed.add(request)
    const reading = feed.batches()
    const next = reading.next()
    await clock.advance('1s')
    const [span] = (await next).value as readonly Span[]
    expect(span).toMatchObject({
      traceId: ID,
      parentSpanId: PARENT,
      service: 'gateway',
      startEpochMs: clock.epochMs() - 1_005,
      attributes: { 'url.path': '/orders', 'http.response.status_code': 200, 'tenfold.instance': 'api-1' },
    })
    expect(asSpan(span)).toEqual(span)
    feed.end()
    expect((await reading.next()).done).toBe(true)
    expect(clock.pending).toBe(0)
  })

  test('are bounded while nobody reads, and go to the last who does', async () => {
    const clock = virtualClock()
    const feed = createSpanFeed(clock)
    for (let at = 0; at < 5_000; at++) feed.add(request)
    const first = feed.batches().next()
    const second = feed.batches().next()
    expect((await first).done).toBe(true)
    await clock.advance('1s')
    expect((await second).value).toHaveLength(1_000)
    feed.end()
  })

  test('are made of what is kept, and of what failed or took a second', () => {
    expect(isTraced(trace, 200, 1)).toBe(true)
    expect(isTraced(other, 200, 999)).toBe(false)
    expect(isTraced(other, 404, 1)).toBe(false)
    expect(isTraced(other, 503, 1)).toBe(true)
    expect(isTraced(other, 200, 1_000)).toBe(true)
  })

  test('leave room for those that are kept while everything fails', async () => {
    const clock = virtualClock()
    const feed = createSpanFeed(clock)
    const reading = feed.batches()
    for (let second = 0; second < 2; second++) {
      for (let at = 0; at < 5_000; at++) feed.add({ ...request, trace: other, status: 503 })
      feed.add(request)
      const next = reading.next()
      await clock.advance('1s')
      expect((await next).value).toHaveLength(11)
    }
    feed.end()
  })
})
