import type { IncomingMessage } from 'node:http'
import { describe, expect, test } from 'vitest'
import { seededRandom } from '../../../src/core/random.ts'
import { createLeastRequests } from '../../../src/gateway/balancing/balancers/least-requests.ts'
import { createCanarySplit, hasCanary } from '../../../src/gateway/balancing/canary-split.ts'
import type { Endpoint } from '../../../src/gateway/gateway-config.ts'
import { hash32 } from '../../../src/gateway/balancing/hash32.ts'
import type { Instance } from './balancers/instance-for-tests.ts'
import { instance } from './balancers/instance-for-tests.ts'

type Tried = Instance & { endpoint: Endpoint }

function tried(id: string, weight: number, isCanary: boolean): Tried {
  return Object.assign(instance({ id, weight }), { endpoint: { id, host: 'h', port: 1, weight, isCanary } })
}

const balancer = createLeastRequests(seededRandom(1))
const all = [tried('web-1', 1, false), tried('web-2', 1, false), tried('web-3', 1, false), tried('web-4', 1 / 3, true)]

function splitOf(candidates: readonly Tried[]) {
  const split = createCanarySplit({ by: 'peak-ewma' }, seededRandom(2))
  split.configure(candidates.map(({ endpoint }) => endpoint))
  return split
}

function picks(count: number, of: readonly Tried[] = all, keyOf?: (request: number) => number): Record<string, number> {
  const split = splitOf(all)
  const counts: Record<string, number> = {}
  for (let request = 0; request < count; request++) {
    const key = keyOf?.(request)
    const picked = split.pick(of, balancer, {
      isForCanary: split.isNext({ isRepeated: false, isMatched: false, key }),
      nowMs: 0,
      key,
    })!
    counts[picked.id] = (counts[picked.id] ?? 0) + 1
  }
  return counts
}

test('a canary gets exactly its share, though it is idle and the others are too', () => {
  expect(picks(1_000)['web-4']).toBe(100)
  expect(picks(25)['web-4']).toBe(2)
})

test('with keys the same users stay with it', () => {
  const keys = Array.from({ length: 4_000 }, (_, user) => hash32(`user ${user}`))
  const counts = picks(4_000, all, (request) => keys[request]!)
  expect(counts['web-4']).toBeGreaterThan(300)
  expect(counts['web-4']).toBeLessThan(500)
  const split = splitOf(all)
  for (const key of keys.slice(0, 50))
    expect(split.isNext({ isRepeated: false, isMatched: false, key })).toBe(
      split.isNext({ isRepeated: false, isMatched: false, key }),
    )
})

test('the others take what it has no room for, and it takes what they have none for', () => {
  expect(picks(100, all.slice(0, 3))['web-4']).toBeUndefined()
  expect(picks(100, all.slice(3))).toEqual({ 'web-4': 100 })
  const full = all.map((each) => Object.assign(tried(each.id, each.weight, each.endpoint.isCanary!), { isFull: true }))
  expect(splitOf(all).pick(full, balancer, { isForCanary: true, nowMs: 0 })).toBeUndefined()
})

test('what is repeated is for the others', () => {
  const split = splitOf(all)
  for (let request = 0; request < 50; request++)
    expect(split.isNext({ isRepeated: true, isMatched: false, key: undefined })).toBe(false)
})

test('only what a canary answers is counted', () => {
  const split = splitOf(all)
  split.record('web-4', 200, 5)
  split.record('web-4', 503, 5)
  split.record('web-1', 200, 5)
  split.record(undefined, 503, 5)
  expect(split.latencyUs.map((histogram) => histogram?.count)).toEqual([
    ...Array(2),
    1,
    undefined,
    undefined,
    1,
    ...Array(4),
  ])
})

test('there is nothing to split without a canary, and without others', () => {
  const [web, , , canary] = all.map(({ endpoint }) => endpoint)
  expect([hasCanary([web!]), hasCanary([canary!]), hasCanary([web!, canary!])]).toEqual([false, false, true])
})

describe('a request that is matched', () => {
  const withMatch = (match: Endpoint['match']) => {
    const split = createCanarySplit({ by: 'peak-ewma' }, seededRandom(2))
    split.configure(all.map(({ endpoint }) => (endpoint.isCanary === true ? { ...endpoint, match } : endpoint)))
    return split
  }
  const asked = (headers: IncomingMessage['headers']) => ({ headers }) as IncomingMessage

  test.each([
    ['a header', { key: { header: 'x-canary' }, value: '1' }, { 'x-canary': '1' }, true],
    ['another value', { key: { header: 'x-canary' }, value: '1' }, { 'x-canary': '10' }, false],
    ['no header', { key: { header: 'x-canary' }, value: '1' }, {}, false],
    ['a cookie', { key: { cookie: 'canary' }, value: '1' }, { cookie: 'a=b; canary=1' }, true],
    ['another cookie', { key: { cookie: 'canary' }, value: '1' }, { cookie: 'xcanary=1' }, false],
    ['no match', undefined, { 'x-canary': '1' }, false],
  ] as const)('is told by %s', (_name, match, headers, is) => {
    expect(withMatch(match).isMatched(asked(headers))).toBe(is)
  })

  test('is for the canary, unless it is repeated, and the others keep their shares', () => {
    const split = withMatch({ key: { header: 'x-canary' }, value: '1' })
    let canary = 0
    for (let request = 0; request < 1_000; request++) {
      expect(split.isNext({ isRepeated: false, isMatched: true, key: undefined })).toBe(true)
      expect(split.isNext({ isRepeated: true, isMatched: true, key: undefined })).toBe(false)
      if (split.isNext({ isRepeated: false, isMatched: false, key: undefined })) canary++
    }
    expect(canary).toBe(100)
  })
})
