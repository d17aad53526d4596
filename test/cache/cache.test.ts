import { describe, expect, test } from 'vitest'
import type { LoadContext } from '../../src/cache/cache.ts'
import { createCache } from '../../src/cache/cache.ts'
import type { CacheOptions } from '../../src/cache/cache-options.ts'
import type { CacheTransaction } from '../../src/cache/invalidation-feed.ts'
import { seededRandom } from '../../src/core/random.ts'
import type { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'

function setUp(options: Partial<CacheOptions<string>> = {}) {
  const clock: VirtualClock = virtualClock()
  const cache = createCache<string>({
    name: 'recipes',
    ttl: '60s',
    earlyRefresh: 0,
    clock,
    random: seededRandom(1),
    ...options,
  })
  return { clock, cache }
}

/** A load that ends when it is told to. */
function gatedLoad() {
  const gate = Promise.withResolvers<string | undefined>()
  const contexts: LoadContext[] = []
  return {
    contexts,
    land: gate.resolve,
    fail: gate.reject,
    load: (context: LoadContext): Promise<string | undefined> => {
      contexts.push(context)
      return gate.promise
    },
    get calls(): number {
      return contexts.length
    },
  }
}

/** A transaction that commits when it is told to. */
function fakeTransaction() {
  const actions: (() => void | Promise<void>)[] = []
  const transaction: CacheTransaction = {
    database: {},
    query: () => Promise.reject(new Error('nothing to ask')),
    afterCommit: (action) => void actions.push(action),
  }
  return {
    transaction,
    async commit() {
      for (const action of actions) await action()
    },
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('reading', () => {
  test('loads once, and then answers from memory', async () => {
    const { cache } = setUp()
    expect(cache.peek('a')).toBeUndefined()
    expect(await cache.get('a', async () => 'first')).toBe('first')
    expect(await cache.get('a', async () => 'second')).toBe('first')
    expect(cache.peek('a')).toBe('first')
    expect(cache.stats()).toMatchObject({ loads: 1, misses: 1, hits: 2, entries: 1 })
  })

  test('many who ask at once share one load', async () => {
    const { cache } = setUp()
    const gated = gatedLoad()
    const answers = Promise.all(Array.from({ length: 1_000 }, () => cache.get('a', gated.load)))
    await turn()
    gated.land('value')
    expect(new Set(await answers)).toEqual(new Set(['value']))
    expect(gated.calls).toBe(1)
  })

  test('what a load throws is thrown to all who wait, and the next one loads again', async () => {
    const { cache } = setUp()
    const gated = gatedLoad()
    const answers = [cache.get('a', gated.load), cache.get('a', gated.load)]
    gated.fail(new Error('no connection'))
    for (const answer of answers) await expect(answer).rejects.toThrow('no connection')
    expect(await cache.get('a', () => 'value')).toBe('value')
    expect(cache.stats().loadFailures).toBe(1)
  })

  test('a load that throws before it is asynchronous is a rejection, too', async () => {
    const { cache } = setUp()
    const answer = cache.get('a', () => {
      throw new Error('at once')
    })
    await expect(answer).rejects.toThrow('at once')
  })

  test('a load that never ends is given up, aborted, and tried again by the next who asks', async () => {
    const { cache, clock } = setUp({ loadTimeout: '5s' })
    const gated = gatedLoad()
    const answer = cache.get('a', gated.load)
    const failure = expect(answer).rejects.toMatchObject({ code: 'TF_TIMEOUT' })
    await clock.advance('5s')
    await failure
    expect(gated.contexts[0]!.signal.aborted).toBe(true)
    expect(await cache.get('a', () => 'value')).toBe('value')
    gated.land('late')
    await turn()
    expect(cache.peek('a')).toBe('value')
  })

  test('refuses keys that are no text, or very long', async () => {
    const { cache } = setUp()
    await expect(cache.get(7 as unknown as string, () => 'x')).rejects.toMatchObject({ code: 'TF_OPTION_INVALID' })
    await expect(cache.get('k'.repeat(5_000), () => 'x')).rejects.toMatchObject({ code: 'TF_OPTION_INVALID' })
  })
})

describe('time', () => {
  test('a value is served up to a tenth more or less than its time', async () => {
    const { cache, clock } = setUp({ ttl: '60s' })
    await cache.get('a', () => 'old')
    await clock.advance('54s')
    expect(cache.peek('a')).toBe('old')
    await clock.advance('12s')
    expect(cache.peek('a')).toBeUndefined()
    expect(await cache.get('a', () => 'new')).toBe('new')
  })

  test('time counts from when the load began', async () => {
    const { cache, clock } = setUp({ ttl: '10s' })
    const gated = gatedLoad()
    const answer = cache.get('a', gated.load)
    await clock.advance('8s')
    gated.land('value')
    await answer
    expect(cache.peek('a')).toBe('value')
    await clock.advance('3s')
    expect(cache.peek('a')).toBeUndefined()
  })

  test('a load says how long its value is good', async () => {
    const { cache, clock } = setUp({ ttl: '60s' })
    await cache.get('a', ({ ttl }) => {
      ttl('1s')
      return 'value'
    })
    await clock.advance('2s')
    expect(cache.peek('a')).toBeUndefined()
  })

  test('is stale while it is loaded again, by one load', async () => {
    const { cache, clock } = setUp({ ttl: '10s', staleWhileRevalidate: '30s' })
    await cache.get('a', () => 'old')
    await clock.advance('12s')
    const gated = gatedLoad()
    expect(await cache.get('a', gated.load)).toBe('old')
    expect(await cache.get('a', gated.load)).toBe('old')
    await turn()
    expect(gated.calls).toBe(1)
    gated.land('new')
    await turn()
    expect(cache.peek('a')).toBe('new')
    expect(cache.stats().staleHits).toBe(2)
  })

  test('a refresh that fails is not repeated for a second, and the old value goes on', async () => {
    const { cache, clock } = setUp({ ttl: '10s', staleWhileRevalidate: '30s' })
    await cache.get('a', () => 'old')
    await clock.advance('12s')
    const failing = async (): Promise<string> => {
      throw new Error('down')
    }
    for (let n = 0; n < 3; n++) {
      expect(await cache.get('a', failing)).toBe('old')
      await turn()
    }
    expect(cache.stats().loads).toBe(2)
    await clock.advance('1s')
    expect(await cache.get('a', failing)).toBe('old')
    expect(cache.stats().loads).toBe(3)
    await clock.advance('40s')
    await expect(cache.get('a', failing)).rejects.toThrow('down')
  })

  test('serves an old value where loading fails, and loads each time', async () => {
    const { cache, clock } = setUp({ ttl: '10s', staleIfError: '5m' })
    await cache.get('a', () => 'old')
    await clock.advance('60s')
    expect(await cache.get('a', () => Promise.reject<string>(new Error('down')))).toBe('old')
    expect(await cache.get('a', () => 'new')).toBe('new')
    await clock.advance('6m')
    await expect(cache.get('a', () => Promise.reject<string>(new Error('down')))).rejects.toThrow('down')
  })

  test('never serves old what was invalidated', async () => {
    const { cache, clock } = setUp({ ttl: '10s', staleWhileRevalidate: '5m', staleIfError: '5m' })
    await cache.get('a', ({ tag }) => (tag('t'), 'old'))
    await cache.get('b', () => 'old')
    await clock.advance('12s')
    await cache.invalidateTags('t')
    await cache.invalidate('b')
    for (const key of ['a', 'b']) {
      await expect(cache.get(key, () => Promise.reject<string>(new Error('down')))).rejects.toThrow('down')
    }
  })

  test('a value in use is loaded again somewhat before its time is over', async () => {
    const { cache, clock } = setUp({ ttl: '10s', earlyRefresh: 1 })
    let loads = 0
    const load = async (): Promise<string> => {
      await clock.advance(500)
      return `value ${++loads}`
    }
    await cache.get('a', load)
    const values = new Set<string>()
    for (let n = 0; n < 80; n++) {
      values.add(await cache.get('a', load))
      await clock.advance(200)
    }
    expect(values.size).toBeGreaterThan(1)
    expect(cache.stats().misses).toBe(1)
  })
})

describe('absent keys', () => {
  test('are remembered, for a short time', async () => {
    const { cache, clock } = setUp({ absentTtl: '5s' })
    const gated = gatedLoad()
    gated.land(undefined)
    expect(await cache.get('a', gated.load)).toBeUndefined()
    expect(await cache.get('a', gated.load)).toBeUndefined()
    expect(gated.calls).toBe(1)
    await clock.advance('6s')
    expect(await cache.get('a', () => 'there')).toBe('there')
  })

  test('are there at once when they are invalidated', async () => {
    const { cache } = setUp()
    await cache.get('a', () => undefined)
    await cache.invalidate('a')
    expect(await cache.get('a', () => 'there')).toBe('there')
  })

  test('do not drive out values, however many are asked for', async () => {
    const { cache } = setUp({ capacity: '64KiB' })
    await cache.get('a', () => 'value')
    for (let n = 0; n < 5_000; n++) await cache.get(`nobody ${n}`, () => undefined)
    expect(cache.peek('a')).toBe('value')
    expect(cache.stats().bytes).toBeLessThanOrEqual(65_536)
  })
})

describe('capacity', () => {
  test('what was not used for longest leaves first', async () => {
    const { cache } = setUp({ capacity: '64KiB', size: () => 10_000 })
    for (const key of ['a', 'b', 'c', 'd', 'e', 'f']) await cache.get(key, () => key)
    cache.peek('a')
    await cache.get('g', () => 'g')
    expect(cache.peek('a')).toBe('a')
    expect(cache.peek('b')).toBeUndefined()
    expect(cache.stats().bytes).toBeLessThanOrEqual(65_536)
  })

  test('what is larger than all of it is served, not kept, and what was there before neither', async () => {
    const { cache } = setUp({ capacity: '64KiB', size: (value) => value.length })
    await cache.get('a', () => 'small')
    await cache.invalidate('b')
    expect(await cache.get('b', ({ tag }) => (tag('t'), 'x'.repeat(100_000)))).toHaveLength(100_000)
    expect(cache.peek('b')).toBeUndefined()
    expect(cache.peek('a')).toBe('small')
  })

  test.each([
    ['throws', () => expect.unreachable()],
    ['is no number', () => Number.NaN],
  ])('a value whose size %s is served, and not kept', async (_, size) => {
    const { cache } = setUp({ size })
    expect(await cache.get('a', ({ tag }) => (tag('t'), 'value'))).toBe('value')
    expect(cache.peek('a')).toBeUndefined()
    expect(cache.stats().bytes).toBe(0)
  })

  test('holds no more entries than it may', async () => {
    const { cache } = setUp({ entriesMax: 32 })
    for (let n = 0; n < 100; n++) await cache.get(String(n), () => 'x')
    expect(cache.stats().entries).toBeLessThanOrEqual(32)
  })
})

describe('invalidating', () => {
  test('drops keys, tags, or everything', async () => {
    const { cache } = setUp()
    for (const key of ['a', 'b', 'c', 'd']) await cache.get(key, ({ tag }) => (tag(`of ${key}`, 'all'), key))
    await cache.invalidate(['a', 'nothing'])
    expect(['a', 'b', 'c', 'd'].map((key) => cache.peek(key))).toEqual([undefined, 'b', 'c', 'd'])
    await cache.invalidateTags(['of b', 'nothing'])
    expect(['b', 'c', 'd'].map((key) => cache.peek(key))).toEqual([undefined, 'c', 'd'])
    await cache.invalidateAll()
    expect(['c', 'd'].map((key) => cache.peek(key))).toEqual([undefined, undefined])
  })

  test.each([
    ['its key', (cache: ReturnType<typeof setUp>['cache']) => cache.invalidate('a')],
    ['its tag', (cache: ReturnType<typeof setUp>['cache']) => cache.invalidateTags('t')],
    ['everything', (cache: ReturnType<typeof setUp>['cache']) => cache.invalidateAll()],
  ])(
    'a load that overlaps the invalidation of %s is not stored, and answers only who asked before',
    async (_, drop) => {
      const { cache } = setUp()
      const [first, second] = [gatedLoad(), gatedLoad()]
      const tagged =
        ({ load }: { load: (context: LoadContext) => Promise<string | undefined> }) =>
        (context: LoadContext) => {
          const value = load(context)
          context.tag('t')
          return value
        }
      const before = cache.get('a', tagged(first))
      await turn()
      await drop(cache)
      const after = cache.get('a', tagged(second))
      await turn()
      first.land('old')
      expect(await before).toBe('old')
      await turn()
      expect(cache.peek('a')).toBeUndefined()
      second.land('new')
      expect(await after).toBe('new')
      expect(cache.peek('a')).toBe('new')
    },
  )

  test('a tag that the load names after it was invalidated counts as well', async () => {
    const { cache } = setUp()
    const gate = Promise.withResolvers<void>()
    const before = cache.get('a', async ({ tag }) => {
      await gate.promise
      tag('t')
      return 'old'
    })
    await turn()
    await cache.invalidateTags('t')
    const after = cache.get('a', () => 'new')
    gate.resolve()
    expect(await before).toBe('old')
    expect(await after).toBe('new')
    expect(cache.peek('a')).toBe('new')
  })

  test('with a transaction, others see it when it has committed, and what was loaded meanwhile is dropped', async () => {
    const { cache } = setUp()
    await cache.get('a', () => 'old')
    const { transaction, commit } = fakeTransaction()
    await cache.invalidate('a', { transaction })
    expect(cache.peek('a')).toBe('old')
    const gated = gatedLoad()
    await cache.invalidate('b')
    const meanwhile = cache.get('b', gated.load)
    await cache.invalidate('b', { transaction })
    await commit()
    gated.land('old')
    expect(await meanwhile).toBe('old')
    expect(cache.peek('a')).toBeUndefined()
    expect(cache.peek('b')).toBeUndefined()
  })

  test('of nothing tells nobody', async () => {
    const { cache } = setUp()
    await cache.invalidate([])
    await cache.invalidateTags([])
    expect(cache.stats().invalidations).toBe(0)
  })

  test('after the end nothing is kept, since nobody tells it what is old', async () => {
    const { cache } = setUp()
    await cache.get('a', () => 'value')
    cache.end()
    cache.end()
    expect(cache.peek('a')).toBeUndefined()
    expect(await cache.get('a', () => 'old')).toBe('old')
    expect(await cache.get('a', () => 'new')).toBe('new')
  })
})

describe('strong consistency', () => {
  test('keeps nothing', async () => {
    const { cache } = setUp({ consistency: 'strong' })
    expect(await cache.get('a', () => 'first')).toBe('first')
    expect(cache.peek('a')).toBeUndefined()
    expect(await cache.get('a', () => 'second')).toBe('second')
  })

  test('who comes while a load is under way shares the next, which begins when that has ended', async () => {
    const { cache } = setUp({ consistency: 'strong' })
    const [first, second] = [gatedLoad(), gatedLoad()]
    const before = cache.get('a', first.load)
    await turn()
    const after = Promise.all([cache.get('a', second.load), cache.get('a', second.load)])
    await turn()
    expect(second.calls).toBe(0)
    first.fail(new Error('down'))
    await expect(before).rejects.toThrow('down')
    await turn()
    second.land('new')
    expect(await after).toEqual(['new', 'new'])
    expect([first.calls, second.calls]).toEqual([1, 1])
  })
})

test.each([
  [{ ttl: '0s' }, 'ttl'],
  [{ absentTtl: '2m' }, 'absentTtl'],
  [{ capacity: '1KiB' }, 'capacity'],
  [{ entriesMax: 2.5 }, 'entriesMax'],
  [{ earlyRefresh: -1 }, 'earlyRefresh'],
  [{ loadTimeout: '0s' }, 'loadTimeout'],
  [{ name: '' }, 'name'],
] as const)('refuses %o', (options, what) => {
  expect(() => setUp(options)).toThrow(`expected ${what} of a cache to be`)
})
