import { describe, expect, test } from 'vitest'
import { seededRandom } from '../../../src/core/random.ts'
import { liveOnce } from './hunt/cluster-life.ts'
import type { FaultKind, PlannedFault, Target } from './hunt/fault-plan.ts'

function fault(kind: FaultKind, target: Target = 'primary', more: Partial<PlannedFault> = {}): PlannedFault {
  return { afterMs: 0, kind, target, forMs: 500, ...more }
}

/** What long runs have found to be the hardest, one after the other; `npm run test:long -- cluster` has all the others. */
describe('a cluster under load, in trouble', { timeout: 300_000 }, () => {
  test('loses nothing, never has two that write, and reads never go back', async () => {
    const lines: string[] = []
    const { defects, figures } = await liveOnce({
      followers: { count: 2, isSynchronous: true, durability: 'preferred' },
      random: seededRandom(1),
      plan: [
        [fault('stop', 'standby', { forMs: 1_500 }), fault('kill', 'primary', { afterMs: 700 })],
        [fault('switchover'), fault('kill-control', 'primary', { afterMs: 40 })],
        // What COMMIT waits for can't be changed while the primary starts over.
        [fault('kill-back-end'), fault('kill', 'standby', { afterMs: 10 })],
        [fault('kill-sender'), fault('kill', 'primary', { afterMs: 5 })],
      ],
      log: (text) => lines.push(text),
    })
    expect(defects, lines.join('\n')).toEqual([])
    expect(figures['acknowledged']).toBeGreaterThan(50)
    expect(figures['reads']).toBeGreaterThan(10)
    expect(figures['terms']).toBeGreaterThan(2)
  })

  test('has its standby take over when the control plane comes back and finds a primary that hangs', async () => {
    const lines: string[] = []
    const { defects, figures } = await liveOnce({
      followers: { count: 1, isSynchronous: true, durability: 'preferred' },
      random: seededRandom(4),
      // It would be waited for, otherwise, until it goes on.
      plan: [[fault('stop', 'primary', { forMs: 25_000 }), fault('kill-control', 'primary', { forMs: 0 })]],
      log: (text) => lines.push(text),
    })
    expect(defects, lines.join('\n')).toEqual([])
    expect(figures['terms'], lines.join('\n')).toBe(2)
  })

  test('acknowledges nothing that is on one disk only, where two are required', async () => {
    const lines: string[] = []
    const { defects, figures } = await liveOnce({
      followers: { count: 2, isSynchronous: true, durability: 'required' },
      random: seededRandom(2),
      plan: [[fault('stop-followers', 'standby', { forMs: 4_000 })], [fault('kill'), fault('kill', 'replica')]],
      log: (text) => lines.push(text),
    })
    expect(defects, lines.join('\n')).toEqual([])
    expect(figures['alone']).toBe(1)
    expect(figures['alarms']).toBeGreaterThan(0)
  })

  test('records that nobody can take over before it acknowledges alone, and has a standby again, when nodes are cut off', async () => {
    const lines: string[] = []
    const { defects, figures } = await liveOnce({
      followers: { count: 2, isSynchronous: true, durability: 'preferred' },
      random: seededRandom(3),
      plan: [
        [fault('cut', 'primary', { forMs: 6_000 })],
        // Whoever was cut off in the middle is told by nobody.
        [fault('cut', 'standby', { forMs: 2_500 }), fault('kill', 'standby', { afterMs: 300 })],
        [fault('cut', 'standby', { forMs: 1_500 }), fault('kill', 'primary', { afterMs: 300 })],
        [fault('sever', 'primary', { forMs: 4_000 })],
      ],
      log: (text) => lines.push(text),
    })
    expect(defects, lines.join('\n')).toEqual([])
    expect(figures['alone']).toBeGreaterThan(0)
    expect(figures['alarms']).toBeGreaterThan(0)
    expect(figures['terms']).toBeGreaterThan(1)
  })
})
