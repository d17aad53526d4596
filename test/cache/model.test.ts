import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { LoadContext } from '../../src/cache/cache.ts'
import { sleep } from '../../src/core/clock.ts'
import type { SimulatedProcess } from './simulated-processes.ts'
import { simulateProcesses } from './simulated-processes.ts'

/*
 * Processes with caches, and a database with a version for each key, under everything that can happen to them. Whatever a
 * cache answers must be a version that was the present one at some moment between the question, less what the cache may be
 * behind, and the answer; and nobody may see less than he has himself made known.
 */

const PROCESSES = 2
const KEYS = ['a', 'b', 'c'] as const
/** Poll, two readings and a wake-up. */
const BEHIND_CONNECTED_MS = 100
const BEHIND_MS = 2_000
/** After everything is well again: a reading that hangs is given up, and tried again. */
const RECOVERY_MS = 1_500

const process = fc.nat(PROCESSES - 1)
const key = fc.constantFrom(...KEYS)
const command = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('get'),
      process,
      key,
      readMs: fc.nat(60),
      restMs: fc.oneof(fc.nat(100), fc.nat(4_000)),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('peek'), process, key }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('write'), process, key, by: fc.constantFrom('key', 'tag', 'all') }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('use'), process, key, ms: fc.nat(3_000) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('transact'), process, key, openMs: fc.nat(300) }) },
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant('pass'), ms: fc.oneof(fc.nat(10), fc.nat(120), fc.nat(3_000)) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cut'), process, how: fc.constantFrom('hangs', 'fails') }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('heal', 'stop', 'go'), process }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('trim') }) },
) as fc.Arbitrary<Command>

type Command =
  | { kind: 'get'; process: number; key: string; readMs: number; restMs: number }
  | { kind: 'peek'; process: number; key: string }
  /** Peeks again and again. */
  | { kind: 'use'; process: number; key: string; ms: number }
  | { kind: 'write'; process: number; key: string; by: 'key' | 'tag' | 'all' }
  | { kind: 'transact'; process: number; key: string; openMs: number }
  | { kind: 'pass'; ms: number }
  | { kind: 'cut'; process: number; how: 'hangs' | 'fails' }
  | { kind: 'heal' | 'stop' | 'go'; process: number }
  | { kind: 'trim' }

test('no answer is older than it may be, and nobody sees less than he has made known', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(command, { minLength: 5, maxLength: 60 }), async (commands) => {
      const world = createWorld()
      try {
        for (const each of commands) await world.carryOut(each)
        await world.settle()
        expect(world.mistakes).toEqual([])
      } finally {
        world.end()
      }
    }),
    { numRuns: 400 },
  )
})

/** Each key has a tag that another has, too. */
const tagOf = (of: string): string => (of < 'c' ? 'first' : 'last')
const sharing = (of: string): readonly string[] => KEYS.filter((each) => tagOf(each) === tagOf(of))

function createWorld() {
  const { clock, hub, versions, processes, version } = simulateProcesses(PROCESSES, {
    ttl: '5s',
    staleWhileRevalidate: '2s',
    staleIfError: '10s',
  })
  /** When each version became the present one. */
  const history = new Map<string, { atMs: number; version: number }[]>()
  const known = processes.map(() => new Map<string, number>())
  const unwellMs = processes.map(() => Number.NEGATIVE_INFINITY)
  const mistakes: string[] = []
  const open = new Set<Promise<void>>()

  function commit(keys: readonly string[]): void {
    for (const each of keys) {
      versions.set(each, version(each) + 1)
      const past = history.get(each) ?? []
      history.set(each, past)
      past.push({ atMs: clock.nowMs(), version: version(each) })
    }
  }

  /** The least that a question of now may be answered with. */
  function leastFor(process: number, of: string): number {
    const { isStopped, isCut } = at(process)
    if (isStopped || isCut) unwellMs[process] = clock.nowMs()
    const isWell = clock.nowMs() - (unwellMs[process] ?? 0) > RECOVERY_MS
    const sinceMs = clock.nowMs() - (isWell ? BEHIND_CONNECTED_MS : BEHIND_MS)
    const seen = (history.get(of) ?? []).findLast(({ atMs }) => atMs < sinceMs)?.version ?? 0
    return Math.max(seen, known[process]?.get(of) ?? 0)
  }

  const at = (process: number): SimulatedProcess => processes[process] as SimulatedProcess

  function check(process: number, of: string, value: number, least: number, how: string): void {
    if (value < least || value > version(of)) {
      mistakes.push(`${how} of ${of} by ${process}: ${value}, not ${least} at least, at ${clock.nowMs()}`)
    }
  }

  /** Who has made a change known looks at once. */
  function knows(process: number, of: string, made: number): void {
    known[process]?.set(of, Math.max(known[process]?.get(of) ?? 0, made))
    peek({ kind: 'peek', process, key: of })
    track(get({ kind: 'get', process, key: of, readMs: 0, restMs: 0 }))
  }

  function track(work: Promise<void>): void {
    open.add(work)
    void work.finally(() => open.delete(work))
  }

  /** Nobody asks a process that stands still. */
  function isAsked(command: Command): boolean {
    return !('process' in command) || command.kind === 'go' || command.kind === 'heal' || !at(command.process).isStopped
  }

  async function get({ process, key: of, readMs, restMs }: Command & { kind: 'get' }): Promise<void> {
    const least = leastFor(process, of)
    const load = async ({ tag }: LoadContext): Promise<number> => {
      await sleep(clock, readMs)
      const value = version(of)
      await sleep(clock, restMs)
      await at(process).runs()
      tag(tagOf(of))
      return value
    }
    check(process, of, await at(process).cache.get(of, load), least, 'get')
  }

  function peek({ process, key: of }: Command & { kind: 'peek' }): void {
    const least = leastFor(process, of)
    const value = at(process).cache.peek(of)
    if (value !== undefined) check(process, of, value, least, 'peek')
  }

  async function pass(ms: number): Promise<void> {
    await clock.advance(ms)
    for (const [index, { isStopped, isCut }] of processes.entries()) {
      if (isStopped || isCut) unwellMs[index] = clock.nowMs()
    }
  }

  async function write({ process, key: of, by }: Command & { kind: 'write' }): Promise<void> {
    const keys = by === 'key' ? [of] : by === 'tag' ? sharing(of) : KEYS
    // The change and its invalidation are one transaction.
    if (at(process).isCut) return
    commit(keys)
    const mine = keys.map((each) => [each, version(each)] as const)
    const { cache } = at(process)
    await (by === 'key' ? cache.invalidate(of) : by === 'tag' ? cache.invalidateTags(tagOf(of)) : cache.invalidateAll())
    for (const [each, made] of mine) knows(process, each, made)
  }

  async function transact({ process, key: of, openMs }: Command & { kind: 'transact' }): Promise<void> {
    if (at(process).isCut) return
    const actions: (() => void | Promise<void>)[] = []
    const transaction = {
      database: {},
      query: () => Promise.reject(new Error('nothing to ask')),
      afterCommit: (action: () => void | Promise<void>) => void actions.push(action),
    }
    await at(process).cache.invalidate(of, { transaction })
    await sleep(clock, openMs)
    commit([of])
    const made = version(of)
    // The server has it; what the process does afterwards it does when it runs.
    const [publish, ...rest] = actions
    await publish?.()
    await at(process).runs()
    for (const action of rest) await action()
    knows(process, of, made)
  }

  return {
    mistakes,
    async carryOut(command: Command): Promise<void> {
      if (!isAsked(command)) return
      switch (command.kind) {
        case 'get':
          return track(get(command))
        case 'peek':
          return peek(command)
        case 'use':
          for (let restMs = command.ms; restMs > 0; restMs -= 50) {
            peek({ ...command, kind: 'peek' })
            await pass(50)
          }
          return
        case 'write':
          return track(write(command))
        case 'transact':
          return track(transact(command))
        case 'pass':
          return pass(command.ms)
        case 'trim':
          return hub.trim()
        case 'cut':
          unwellMs[command.process] = clock.nowMs()
          return at(command.process).cut(command.how)
        case 'stop':
        case 'heal':
        case 'go':
          unwellMs[command.process] = clock.nowMs()
          return at(command.process)[command.kind]()
      }
    },
    /** All is well, and everything that was asked is answered; nothing that is kept is old. */
    async settle(): Promise<void> {
      for (const each of processes) {
        each.heal()
        each.go()
      }
      for (let n = 0; n < 20 && open.size > 0; n++) await clock.advance('1s')
      if (open.size > 0) mistakes.push(`${open.size} questions have no answer`)
      for (const [process] of processes.entries()) {
        for (const of of KEYS) {
          track(get({ kind: 'get', process, key: of, readMs: 0, restMs: 0 }))
        }
      }
      await clock.advance('1s')
      for (const [process, { cache }] of processes.entries()) {
        for (const of of KEYS) {
          const value = cache.peek(of)
          if (value !== undefined) check(process, of, value, version(of), 'peek at the end')
        }
      }
    },
    end(): void {
      for (const { cache, coherence } of processes) {
        cache.end()
        coherence.end()
      }
    },
  }
}
