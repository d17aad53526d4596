import assert from 'node:assert/strict'
import { sleep, systemClock } from '../../core/clock.ts'
import type { Component } from '../../core/component.ts'

/** What the component under test brings along. */
export interface ComponentHarness {
  /** A component that is not started yet; called once for each case. */
  create(): Promise<Component> | Component
  /**
   * Names what still runs or is held of the component (processes, timers, sockets, listeners); empty when nothing is.
   * Called after `stop` has returned, and after a start that failed.
   */
  remains(component: Component): Promise<readonly string[]> | readonly string[]
  /** Whether it does its work; called after `start` has resolved. */
  isWorking(component: Component): Promise<boolean> | boolean
  /** @default none */
  readonly abilities?: readonly ComponentAbility[]
  /** A start takes at most about this long; cuts in the middle of the start are spread over it. @default 100 */
  startMsTypical?: number
  /** Waits for real, or on the virtual clock of the component. @default real time */
  wait?(delayMs: number): Promise<void>
}

/** What not every component can do: start again after a stop. */
export type ComponentAbility = 'restart'

/** A case of the life-cycle suite: data, so that every runner can run it. */
export interface ComponentCase {
  /** A sentence in the present tense. */
  readonly name: string
  /** Skip the case, and say so, where the harness lacks one of these. */
  readonly needs: readonly ComponentAbility[]
  run(harness: ComponentHarness): Promise<void>
}

/**
 * The life-cycle stress suite: `start` and `stop` in every order that the contract of `Component` allows. Every
 * component passes it.
 *
 * @example
 * for (const { name, run } of componentCases) it(name, () => run(harness))
 */
export const componentCases: readonly ComponentCase[] = [
  { name: 'works between start and stop, and leaves nothing behind', needs: [], run: startThenStop },
  { name: 'stops before it was started', needs: [], run: stopBeforeStart },
  { name: 'stops twice, one after the other', needs: [], run: stopTwice },
  { name: 'stops five times at once, and each stop waits until nothing runs', needs: [], run: stopConcurrently },
  { name: 'stops with no time for politeness', needs: [], run: stopWithoutGrace },
  { name: 'is not started by a signal that is aborted already', needs: [], run: startAborted },
  { name: 'ends a start that is aborted on the way, at any moment', needs: [], run: abortDuringStart },
  { name: 'ends a start that is stopped on the way, at any moment', needs: [], run: stopDuringStart },
  { name: 'ends a start that is stopped in the same tick', needs: [], run: stopInSameTick },
  { name: 'ignores its start signal once it works', needs: [], run: abortAfterStart },
  { name: 'starts again after it was stopped', needs: ['restart'], run: startAgain },
  { name: 'survives any order of starts, aborts and stops', needs: [], run: anyOrder },
]

async function startThenStop(harness: ComponentHarness): Promise<void> {
  const component = await harness.create()
  await component.start()
  assert.equal(await harness.isWorking(component), true, 'expected it to work when start has resolved')
  await component.stop()
  await expectNothing(harness, component)
}

async function stopBeforeStart(harness: ComponentHarness): Promise<void> {
  const component = await harness.create()
  await component.stop()
  await expectNothing(harness, component)
}

async function stopTwice(harness: ComponentHarness): Promise<void> {
  const component = await harness.create()
  await component.start()
  await component.stop()
  await component.stop()
  await expectNothing(harness, component)
}

async function stopConcurrently(harness: ComponentHarness): Promise<void> {
  const component = await harness.create()
  await component.start()
  const stopAndLook = async (): Promise<void> => {
    await component.stop()
    await expectNothing(harness, component)
  }
  await Promise.all(Array.from({ length: 5 }, stopAndLook))
}

async function stopWithoutGrace(harness: ComponentHarness): Promise<void> {
  const component = await harness.create()
  await component.start()
  await component.stop(0)
  await expectNothing(harness, component)
}

async function startAborted(harness: ComponentHarness): Promise<void> {
  const component = await harness.create()
  await assert.rejects(component.start(AbortSignal.abort()), 'expected a start with an aborted signal to reject')
  await expectNothing(harness, component)
  await component.stop()
}

async function abortDuringStart(harness: ComponentHarness): Promise<void> {
  for (const cutMs of cuts(harness)) {
    const component = await harness.create()
    const abort = new AbortController()
    const outcome = outcomeOf(component.start(abort.signal))
    await wait(harness, cutMs)
    abort.abort()
    // Started is a right answer, too, when the abort came late; then it works and has to be stopped.
    if ((await outcome) === 'rejected') await expectNothing(harness, component)
    await component.stop()
    await expectNothing(harness, component)
  }
}

async function stopDuringStart(harness: ComponentHarness): Promise<void> {
  for (const cutMs of cuts(harness)) {
    const component = await harness.create()
    const outcome = outcomeOf(component.start())
    await wait(harness, cutMs)
    await component.stop()
    await expectNothing(harness, component)
    await outcome
    await expectNothing(harness, component)
  }
}

async function stopInSameTick(harness: ComponentHarness): Promise<void> {
  const component = await harness.create()
  const outcome = outcomeOf(component.start())
  await component.stop()
  await expectNothing(harness, component)
  assert.equal(await outcome, 'rejected', 'expected a start that was stopped at once to reject')
  await expectNothing(harness, component)
}

async function abortAfterStart(harness: ComponentHarness): Promise<void> {
  const component = await harness.create()
  const abort = new AbortController()
  await component.start(abort.signal)
  abort.abort()
  await wait(harness, 1)
  assert.equal(await harness.isWorking(component), true, 'expected the signal to end a start, not the component')
  await component.stop()
  await expectNothing(harness, component)
}

async function startAgain(harness: ComponentHarness): Promise<void> {
  const component = await harness.create()
  for (let i = 0; i < 3; i++) {
    await component.start()
    assert.equal(await harness.isWorking(component), true, `expected it to work after start ${i + 1}`)
    await component.stop()
    await expectNothing(harness, component)
  }
}

/** All orders of the four acts, none waiting for the one before. */
async function anyOrder(harness: ComponentHarness): Promise<void> {
  for (const order of permutations(['start', 'abort', 'stop', 'stop now'] as const)) {
    const component = await harness.create()
    const abort = new AbortController()
    const outcomes = order.map((act) => {
      if (act === 'abort') return abort.abort()
      return outcomeOf(act === 'start' ? component.start(abort.signal) : component.stop(act === 'stop' ? undefined : 0))
    })
    await Promise.all(outcomes)
    await component.stop()
    await expectNothing(harness, component, order.join(', '))
  }
}

async function expectNothing(harness: ComponentHarness, component: Component, after = 'the end'): Promise<void> {
  assert.deepEqual(await harness.remains(component), [], `expected nothing of it to be left after ${after}`)
}

function outcomeOf(work: Promise<void>): Promise<'resolved' | 'rejected'> {
  return work.then(
    () => 'resolved',
    () => 'rejected',
  )
}

/** Moments before, in and just after the start. */
function cuts(harness: ComponentHarness): readonly number[] {
  const typicalMs = harness.startMsTypical ?? 100
  return [0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.1].map((fraction) => fraction * typicalMs)
}

function wait(harness: ComponentHarness, delayMs: number): Promise<void> {
  return harness.wait?.(delayMs) ?? sleep(systemClock, delayMs)
}

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length <= 1) return [[...items]]
  return items.flatMap((item, i) => permutations(items.toSpliced(i, 1)).map((rest) => [item, ...rest]))
}
