import { array, assert, boolean, integer, property } from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Observation, ObservedNode } from '../../src/clusters/arbiter.ts'
import { BEHIND_MS_MAX, SILENT_MS_MAX, decide } from '../../src/clusters/arbiter.ts'
import { createArbiterWorld, worldEvents } from './arbiter-world.ts'

function node(id: number, server: ObservedNode['server'], more: Partial<ObservedNode> = {}): ObservedNode {
  const well = server === 'follower'
  return { id, server, silentMs: 0, isStreaming: well, behindMs: 0, isClose: well, hasCaughtUp: false, ...more }
}

function seen(nodes: readonly ObservedNode[], more: Partial<Observation> = {}): Observation {
  return {
    primary: 1,
    synchronous: 2,
    waitsFor: 2,
    wants: { isSynchronous: true, isRequired: false },
    ...more,
    nodes,
  }
}

const required = { isSynchronous: true, isRequired: true }
const hanging = { silentMs: SILENT_MS_MAX }
const behind = { behindMs: BEHIND_MS_MAX }
const well = [node(1, 'primary'), node(2, 'follower')]

describe('the arbiter', () => {
  test.each<[what: string, step: string, observation: Observation]>([
    ['does nothing while all is well', 'none', seen(well)],
    ['kills the back ends of a primary whose postmaster has ended', 'fence 1', seen([node(1, 'lost'), well[1]!])],
    ['lets the standby lead once the primary is dead', 'lead 2', seen([node(1, 'dead'), well[1]!])],
    ['promotes whom the record names', 'promote 1', seen([node(1, 'follower'), node(2, 'dead')])],
    ['kills who might write before it promotes', 'fence 2', seen([node(1, 'follower'), node(2, 'lost')])],
    ['kills who writes and is not the primary', 'fence 2', seen([node(1, 'primary'), node(2, 'primary')])],
    [
      'restarts a primary whose follower may lack something',
      'restart 1',
      seen([node(1, 'dead'), well[1]!], { synchronous: undefined }),
    ],
    ['restarts a primary whose standby is dead too', 'restart 1', seen([node(1, 'dead'), node(2, 'dead')])],
    ['kills a primary that hangs', 'fence 1', seen([node(1, 'primary', hanging), well[1]!])],
    [
      'waits where the standby does not answer either',
      'none',
      seen([node(1, 'primary', hanging), node(2, 'follower', { silentMs: 1 })]),
    ],
    [
      'lets a primary hang that nobody can replace',
      'none',
      seen([node(1, 'primary', hanging), well[1]!], { synchronous: undefined }),
    ],
    ['is patient at first', 'none', seen([node(1, 'primary', { silentMs: SILENT_MS_MAX - 1 }), well[1]!])],
    ['records that nobody is synchronous first', 'record-asynchronous', seen([well[0]!, node(2, 'dead')])],
    ['gives a standby up that confirms nothing', 'record-asynchronous', seen([well[0]!, node(2, 'follower', behind)])],
    ['lets writes go on only then', 'wait-for-nobody', seen([well[0]!, node(2, 'dead')], { synchronous: undefined })],
    ['lets writes wait where that is required', 'none', seen([well[0]!, node(2, 'dead')], { wants: required })],
    [
      'lets writes wait for whoever comes where that is required',
      'wait-for any',
      seen([well[0]!, node(2, 'dead')], { wants: required, synchronous: undefined, waitsFor: 'nobody' }),
    ],
    [
      'changes to another follower where there is one',
      'record-asynchronous',
      seen([well[0]!, node(2, 'dead'), node(3, 'follower')], { wants: required }),
    ],
    ['waits for a follower first', 'wait-for 2', seen(well, { synchronous: undefined, waitsFor: 'nobody' })],
    [
      'does not wait for one that has a long way to go',
      'none',
      seen([well[0]!, node(2, 'follower', { isClose: false })], { synchronous: undefined, waitsFor: 'nobody' }),
    ],
    ['does not record it before it has caught up', 'none', seen(well, { synchronous: undefined })],
    [
      'records it then',
      'record-synchronous 2',
      seen([well[0]!, node(2, 'follower', { hasCaughtUp: true })], { synchronous: undefined }),
    ],
    [
      'prefers a follower in another zone',
      'wait-for 3',
      seen(
        [node(1, 'primary', { zone: 'a' }), node(2, 'follower', { zone: 'a' }), node(3, 'follower', { zone: 'b' })],
        { synchronous: undefined, waitsFor: 'nobody' },
      ),
    ],
    [
      'ends the record when nobody is wanted any more',
      'record-asynchronous',
      seen(well, { wants: { isSynchronous: false, isRequired: false } }),
    ],
  ])('%s', (_, step, observation) => {
    const decision = decide(observation)
    const whom = 'node' in decision ? ` ${decision.node}` : ''
    expect(`${decision.step}${whom}`).toBe(step)
    expect(decision.reason).not.toBe('')
  })

  test('never has two nodes write, and never loses what was acknowledged, whatever happens and whenever it is killed', () => {
    assert(
      property(
        boolean(),
        integer({ min: 2, max: 4 }),
        array(worldEvents, { maxLength: 120 }),
        (isRequired, nodes, events) => {
          const world = createArbiterWorld({ nodes, isRequired })
          for (const event of events) {
            world.happen(event)
            expect(world.problem()).toBeUndefined()
          }
          // Left alone, it comes back to a primary that takes writes.
          world.calm()
          expect(world.problem()).toBeUndefined()
          expect(world.isWritable()).toBe(true)
        },
      ),
      { numRuns: 10_000 },
    )
  })
})
