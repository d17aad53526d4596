import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { clusterPathsOf } from '../../src/clusters/cluster-record.ts'
import type { FollowerKeeper, FollowerOptions, FollowerState } from '../../src/clusters/follower-keeper.ts'
import { keepFollower } from '../../src/clusters/follower-keeper.ts'
import type { ClusterNode } from '../../src/clusters/node.ts'
import type { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'

const FORKED = 'new timeline 2 forked off current database system timeline 1 before current recovery point 0/302C120'

let directory: string
let clock: VirtualClock
let keeper: FollowerKeeper
let states: FollowerState[]

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tenfold-keeper-'))
  clock = virtualClock()
  states = []
})

afterEach(async () => {
  await keeper.release()
  await rm(directory, { recursive: true, force: true })
})

/** A follower with data, of a primary that takes writes; it is never copied to its end. */
function keep(node: Partial<ClusterNode>, options: Partial<FollowerOptions> = {}): void {
  const whole = {
    id: 2,
    name: 'orders.2',
    paths: clusterPathsOf(directory, 2),
    logFile: join(directory, 'log'),
    hasData: async () => true,
    isFollower: async () => true,
    becomeFollower: async () => {},
    tell: async () => {},
    fence: async () => [],
    ...node,
  } as ClusterNode
  keeper = keepFollower({
    node: whole,
    user: undefined,
    clock,
    role: () => ({ waitsFor: [] }),
    primary: () => whole,
    isStreaming: () => false,
    flushed: () => undefined,
    beforeRebuild: untilAborted,
    onChange: () => void states.push(keeper.state),
    ...options,
  })
}

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))
}

/** Lets virtual time pass, with turns of the event loop for the files that are looked at in between. */
async function until(holds: () => boolean): Promise<void> {
  for (let turn = 0; !holds(); turn++) {
    if (turn > 100_000) throw new Error(`expected another state than ${JSON.stringify(keeper.state)}`)
    await clock.advance(100)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

const isCloning = ({ kind }: FollowerState): boolean => kind === 'cloning'
const running = { server: {} as NonNullable<ClusterNode['server']> }

test('a follower that gets nothing of the log is copied anew', async () => {
  keep(running)
  await until(() => states.some(isCloning))
  expect(states.find(isCloning)).toMatchObject({ reason: 'it has not got the log for 15 s' })
})

test('a follower that has much to catch up with is not, as long as it gets something', async () => {
  let flushed = 1n
  keep(running, { flushed: () => ++flushed })
  await until(() => flushed > 600n)
  expect(keeper.state).toEqual({ kind: 'waiting', reason: 'it is catching up' })
  expect(states.some(isCloning)).toBe(false)
})

test('a server that can never become consistent is not waited for', async () => {
  keep({
    async start(signal) {
      await writeFile(join(directory, 'log'), `2026-11-23 03:00:00 UTC [1] LOG:  ${FORKED}\n`)
      return untilAborted(signal)
    },
  })
  await until(() => states.some(isCloning))
  expect(states.find(isCloning)).toMatchObject({ reason: FORKED })
})
