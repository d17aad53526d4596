import { describe, expect, it } from 'vitest'
import type { Clock } from '../../../src/core/clock.ts'
import { sleep } from '../../../src/core/clock.ts'
import type { Component } from '../../../src/core/component.ts'
import type { ComponentHarness } from '../../../src/testing/contracts/component.ts'
import { componentCases } from '../../../src/testing/contracts/component.ts'
import { virtualClock } from '../../../src/testing/virtual-clock.ts'

/** A component that opens two things one after the other, and ticks; `faults` are the mistakes people make. */
class Sample implements Component {
  readonly open = new Set<string>()
  readonly #clock: Clock
  readonly #faults: ReadonlySet<Fault>
  #starting: { abort: AbortController; done: Promise<void> } | undefined
  #cancelTick: (() => void) | undefined

  constructor(clock: Clock, faults: readonly Fault[]) {
    this.#clock = clock
    this.#faults = new Set(faults)
  }

  async start(signal?: AbortSignal): Promise<void> {
    const abort = new AbortController()
    const onAbort = (): void => {
      abort.abort()
      if (this.#faults.has('obeys its signal for ever')) this.#close()
    }
    if (signal?.aborted === true) abort.abort()
    signal?.addEventListener('abort', onAbort, { once: true })
    const done = this.#openAll(abort.signal)
    this.#starting = { abort, done }
    try {
      await done
    } catch (error) {
      if (!this.#faults.has('leaks after a failed start')) this.#close()
      throw error
    } finally {
      if (!this.#faults.has('obeys its signal for ever')) signal?.removeEventListener('abort', onAbort)
    }
  }

  async stop(): Promise<void> {
    if (this.#faults.has('fails before start') && this.#starting === undefined) throw new Error('not started')
    if (!this.#faults.has('ignores a start under way')) {
      this.#starting?.abort.abort()
      await this.#starting?.done.catch(() => {})
    }
    if (this.#faults.has('stops in the background')) this.#clock.schedule(5, () => this.#close())
    else this.#close()
  }

  async #openAll(signal: AbortSignal): Promise<void> {
    for (const thing of ['listener', 'socket']) {
      if (this.#faults.has('deaf to signals')) await sleep(this.#clock, 50)
      else await sleep(this.#clock, 50, signal)
      this.open.add(thing)
    }
    // Stopped in the very last moment: the wait is over, but nobody may see it working.
    if (!this.#faults.has('deaf to signals')) signal.throwIfAborted()
    this.open.add('timer')
    this.#cancelTick = this.#clock.every(10, () => {})
  }

  #close(): void {
    this.#cancelTick?.()
    this.open.clear()
  }
}

type Fault =
  | 'fails before start'
  | 'leaks after a failed start'
  | 'ignores a start under way'
  | 'stops in the background'
  | 'deaf to signals'
  | 'obeys its signal for ever'

function harnessOf(faults: readonly Fault[]): ComponentHarness & { clock: ReturnType<typeof virtualClock> } {
  const clock = virtualClock()
  return {
    clock,
    create: () => new Sample(clock, faults),
    remains: (component) => [...(component as Sample).open],
    isWorking: (component) => (component as Sample).open.has('timer'),
    abilities: ['restart'],
    startMsTypical: 100,
    wait: (delayMs) => clock.advance(delayMs),
  }
}

/** Runs a case while virtual time flows by itself. */
async function runInTime(faults: readonly Fault[], run: (harness: ComponentHarness) => Promise<void>): Promise<void> {
  const harness = harnessOf(faults)
  const work = run(harness).then(() => 'done')
  // Bounded, so that a case that hangs fails instead of running for ever.
  for (let i = 0; i < 5_000; i++) {
    if ((await Promise.race([work, harness.clock.advance(1)])) === 'done') return
  }
  throw new Error('expected the case to end within 5 s of virtual time')
}

describe('the life-cycle suite', () => {
  for (const { name, run } of componentCases) {
    it(`accepts a component that ${name}`, () => runInTime([], run))
  }

  it.each<Fault>([
    'fails before start',
    'leaks after a failed start',
    'ignores a start under way',
    'stops in the background',
    'deaf to signals',
    'obeys its signal for ever',
  ])('finds the fault: %s', async (fault) => {
    const outcomes = await Promise.allSettled(componentCases.map(({ run }) => runInTime([fault], run)))
    expect(outcomes.map((outcome) => outcome.status)).toContain('rejected')
  })
})
