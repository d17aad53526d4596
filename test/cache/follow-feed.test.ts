import { afterEach, describe, expect, test } from 'vitest'
import { sleep } from '../../src/core/clock.ts'
import { simulateProcesses } from './simulated-processes.ts'

type World = ReturnType<typeof simulateProcesses>
let world: World

afterEach(() => {
  for (const { coherence } of world.processes) coherence.end()
})

function setUp(count = 2): World {
  world = simulateProcesses(count)
  return world
}

/** Loads the version that is there now. */
async function get(process: number, key = 'a'): Promise<number> {
  const { clock, processes, version } = world
  const answer = processes[process]!.cache.get(key, () => version(key))
  await clock.advance(10)
  return answer
}

function write(key = 'a'): void {
  const { versions, hub, version } = world
  versions.set(key, version(key) + 1)
  void hub.publish([{ cache: 'versions', keys: [key] }])
}

describe('connected', () => {
  test('sees soon what another process invalidates, and not only when it is asked', async () => {
    const { clock, processes } = setUp()
    expect(await get(0)).toBe(0)
    write()
    expect(processes[0]!.cache.peek('a')).toBe(0)
    await clock.advance(12)
    expect(processes[0]!.cache.peek('a')).toBeUndefined()
    expect(await get(0)).toBe(1)
  })

  test('sees within a poll what it was not woken for', async () => {
    const { clock, processes } = setUp()
    await get(0)
    processes[0]!.cut('hangs')
    write()
    processes[0]!.heal()
    await clock.advance(90)
    expect(processes[0]!.cache.peek('a')).toBeUndefined()
  })

  test('reads nothing while nobody asks, and reads before the first answer then', async () => {
    const { clock, processes } = setUp()
    await get(0)
    await clock.advance('2s')
    const { readings } = processes[0]!
    await clock.advance('10m')
    expect(processes[0]!.readings).toBe(readings)
    write()
    expect(processes[0]!.cache.peek('a')).toBeUndefined()
    expect(await get(0)).toBe(1)
    expect(processes[0]!.readings).toBeGreaterThan(readings)
  })

  test('goes on reading while it is used by its fast path only', async () => {
    const { clock, processes } = setUp()
    await get(0)
    for (let n = 0; n < 50; n++) {
      await clock.advance(100)
      expect(processes[0]!.cache.peek('a')).toBe(0)
    }
  })

  test('what was kept is good again after a time without use, if nothing has happened', async () => {
    const { clock, processes } = setUp()
    await get(0)
    await clock.advance('1m')
    await get(0)
    expect(processes[0]!.cache.stats()).toMatchObject({ loads: 1, hits: 1 })
  })

  test('drops everything where invalidations can not be read any more', async () => {
    const { clock, processes, hub } = setUp()
    await get(0)
    await clock.advance('10s')
    write()
    hub.trim()
    expect(await get(0)).toBe(1)
    expect(processes[0]!.cache.stats().resets).toBe(2)
  })
})

describe.each(['hangs', 'fails'] as const)('cut off by a link that %s', (how) => {
  test('serves what it keeps for two seconds at most, then loads without an error', async () => {
    const { clock, processes } = setUp()
    await get(0)
    processes[0]!.cut(how)
    write()
    let servedMs = 0
    for (const beganMs = clock.nowMs(); clock.nowMs() - beganMs < 5_000; await clock.advance(50)) {
      if (processes[0]!.cache.peek('a') !== undefined) servedMs = clock.nowMs() - beganMs
    }
    expect(servedMs).toBeGreaterThan(1_000)
    expect(servedMs).toBeLessThanOrEqual(2_000)
    expect(await get(0)).toBe(1)
  })

  test('one load at a time stays, nobody waits for the feed, and it is used again when the link is back', async () => {
    const { clock, processes, version } = setUp()
    await get(0)
    processes[0]!.cut(how)
    for (let n = 0; n < 40; n++) await (processes[0]!.cache.peek('a'), clock.advance(100))
    const { loads } = processes[0]!.cache.stats()
    const beganMs = clock.nowMs()
    const answers = Promise.all(
      Array.from({ length: 100 }, async () => {
        const value = await processes[0]!.cache.get('a', () => version('a'))
        return [value, clock.nowMs() - beganMs]
      }),
    )
    await clock.advance(500)
    expect(processes[0]!.cache.stats().loads).toBe(loads + 1)
    for (const [, waitedMs] of await answers) expect(waitedMs).toBeLessThanOrEqual(250)
    processes[0]!.heal()
    for (let n = 0; n < 10; n++) await (get(0), clock.advance(200))
    expect(processes[0]!.cache.peek('a')).toBe(0)
  })
})

test('cut off, nobody joins a load that began more than two seconds ago', async () => {
  const { clock, processes, version } = setUp()
  await get(0)
  processes[0]!.cut('hangs')
  await clock.advance('3s')
  const { cache } = processes[0]!
  const slow = cache.get('a', async () => {
    const value = version('a')
    await sleep(clock, 5_000)
    return value
  })
  await clock.advance('1s')
  expect(cache.stats().loads).toBe(2)
  const joining = cache.get('a', () => version('a'))
  await clock.advance('1500ms')
  write()
  expect(await get(0)).toBe(1)
  await clock.advance('5s')
  expect(await Promise.all([slow, joining])).toEqual([0, 0])
})

describe('stopped', () => {
  test('serves nothing old when it goes on, before any timer of it has run', async () => {
    const { clock, processes } = setUp()
    await get(0)
    processes[0]!.stop()
    write()
    await clock.advance('3s')
    expect(processes[0]!.cache.peek('a')).toBeUndefined()
    processes[0]!.go()
    expect(await get(0)).toBe(1)
    expect(processes[0]!.cache.peek('a')).toBe(1)
  })

  test('a reading that began before it was stopped does not count', async () => {
    const { clock, processes } = setUp()
    await get(0)
    // In the middle of a reading.
    while (processes[0]!.readings < 4) await clock.advance(1)
    processes[0]!.stop()
    await clock.advance('10s')
    write()
    processes[0]!.go()
    await clock.advance(0)
    expect(processes[0]!.cache.peek('a')).toBeUndefined()
  })
})

test('an end in the middle of a reading is an end', async () => {
  const { clock, processes } = setUp()
  const answer = processes[0]!.cache.get('a', () => 7)
  processes[0]!.coherence.end()
  processes[0]!.coherence.end()
  await clock.advance('5s')
  expect(await answer).toBe(7)
  expect(processes[0]!.cache.peek('a')).toBeUndefined()
  expect(clock.pending).toBe(0)
})
