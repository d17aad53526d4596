import { describe, expect, it } from 'vitest'
import { sleep } from '../../src/core/clock.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'

describe('the virtual clock', () => {
  it('runs timers in order of deadline, then of scheduling', async () => {
    const clock = virtualClock()
    const order: string[] = []
    clock.schedule(20, () => order.push('b'))
    clock.schedule(10, () => order.push('a'))
    clock.schedule(20, () => order.push('c'))
    await clock.advance('20ms')
    expect(order).toEqual(['a', 'b', 'c'])
  })

  it('lets promise chains settle between two timers, so that a chain of sleeps passes in one advance', async () => {
    const clock = virtualClock()
    const moments: number[] = []
    const chain = async (): Promise<void> => {
      for (let i = 0; i < 3; i++) {
        await sleep(clock, 1_000)
        moments.push(clock.nowMs())
      }
    }
    void chain()
    await clock.advance('1h')
    expect(moments).toEqual([1_000, 2_000, 3_000])
    expect(clock.nowMs()).toBe(3_600_000)
  })

  it('calls every interval until cancelled, also from inside', async () => {
    const clock = virtualClock()
    let calls = 0
    const cancel = clock.every(10, () => {
      if (++calls === 3) cancel()
    })
    await clock.advance(1_000)
    expect(calls).toBe(3)
    expect(clock.pending).toBe(0)
  })

  it('goes on with an interval of 0, as a real timer would', async () => {
    const clock = virtualClock()
    let calls = 0
    clock.every(0, () => calls++)
    await clock.advance(5)
    expect(calls).toBe(5)
  })

  it('fails instead of hanging when a timer of 0 ms sets itself again for ever', async () => {
    const clock = virtualClock()
    const loop = (): void => void clock.schedule(0, loop)
    loop()
    await expect(clock.advance(1)).rejects.toThrow('expected time to go on')
  })

  it('moves the wall clock by itself and by a jump, which leaves monotonic time alone', async () => {
    const clock = virtualClock({ epochMs: 1_000 })
    await clock.advance('1s')
    expect(clock.epochMs()).toBe(2_000)
    clock.jumpTo(500)
    expect(clock.epochMs()).toBe(500)
    expect(clock.nowMs()).toBe(1_000)
  })
})
