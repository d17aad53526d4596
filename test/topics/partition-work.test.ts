import { expect, test } from 'vitest'
import { TenfoldError } from '../../src/core/errors.ts'
import { seededRandom } from '../../src/core/random.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'
import { workOnPartition } from '../../src/topics/partition-work.ts'
import { createPartitionWait } from '../../src/topics/partition-wait.ts'
import type { PutAside } from '../../src/topics/put-aside.ts'
import { retryPolicy } from '../../src/topics/retry-policy.ts'
import type { ClaimedEvent, PartitionClaim } from '../../src/topics/topic-log.ts'
import { createWorkMeter } from '../../src/topics/work-meter.ts'
import { createWorkPlaces } from '../../src/topics/work-places.ts'

const events = [1, 2, 3].map((sequence): ClaimedEvent => ({
  sequence,
  messageId: `${sequence}`,
  partition: 0,
  id: `${sequence}`,
  key: undefined,
  payload: '1',
  headers: {},
  publishedEpochMs: 0,
}))

test('a batch that meets an outage is tried again as a whole, not event by event', async () => {
  const clock = virtualClock()
  const [ending, lost] = [new AbortController(), new AbortController()]
  const unread = [events]
  let committed = 0
  const claim: PartitionClaim = {
    partition: 0,
    epoch: 1,
    ending: ending.signal,
    lost: lost.signal,
    read: async () => unread.shift() ?? [],
    commit: async (sequence) => {
      committed = sequence
      ending.abort()
    },
    rolledBack() {},
  }
  const none = async (): Promise<boolean> => true
  const aside: PutAside = {
    isBlocked: () => false,
    giveUp: none,
    keepWaiting: none,
    due: async () => [],
    tryAgain: none,
  }
  const tried: number[] = []
  const meter = createWorkMeter(clock)
  const working = workOnPartition({
    claim,
    performer: {
      async perform(batch) {
        tried.push(batch.length)
        if (tried.length < 3) throw new TenfoldError('TF_BROKER_UNREACHABLE', 'expected a broker')
        return { isCommitted: false, handled: batch.length }
      },
    },
    aside,
    wait: createPartitionWait({ clock, signal: ending.signal }),
    isBehind: meter.reason(),
    places: createWorkPlaces(1, meter),
    attempts: { clock, random: seededRandom(1), policy: retryPolicy({ pause: '100ms' }), signal: lost.signal },
    clock,
    batchMax: 10,
    inFlightMax: 10,
  })
  while (!ending.signal.aborted) await clock.advance(50)
  await working
  expect({ tried, committed }).toEqual({ tried: [3, 3, 3], committed: 3 })
})
