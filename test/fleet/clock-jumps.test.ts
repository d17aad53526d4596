import { expect, test } from 'vitest'
import { createCommandRunner } from '../../src/control/command-runner.ts'
import type { ControlCommand } from '../../src/control/control-command.ts'
import { createFrameStore } from '../../src/control/frame-store.ts'
import { seededRandom } from '../../src/core/random.ts'
import { createServiceSupervisor } from '../../src/fleet/service-supervisor.ts'
import { simulatedHost } from '../../src/testing/simulated-host.ts'
import type { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'
import { rememberingBalancer, testRelease, testService } from './test-service.ts'

const HOUR_MS = 3_600_000
const JUMPS_MS = [0, -12 * HOUR_MS, 12 * HOUR_MS]

/** Sets the wall clock to another hour every half second, or leaves it alone. */
function jumping(jumpMs: number): VirtualClock {
  const clock = virtualClock()
  if (jumpMs !== 0) clock.every(500, () => clock.jumpTo(clock.epochMs() + jumpMs))
  return clock
}

/** When what happens to a service whose first program crashes, and whose second never becomes ready. */
async function life(clock: VirtualClock): Promise<readonly string[]> {
  const host = simulatedHost(clock, (_request, startNumber) =>
    startNumber === 1 ? { exitsAfterMs: 2_000 } : startNumber === 2 ? { readyAfterMs: Number.POSITIVE_INFINITY } : {},
  )
  const events: string[] = []
  const supervisor = createServiceSupervisor({
    service: testService({ startTimeoutMs: 5_000 }),
    release: testRelease,
    host,
    balancer: rememberingBalancer(),
    desired: 1,
    clock,
    random: seededRandom(1),
    onStatus: ({ instances: [instance] }) => {
      const event = `${instance?.state} ${instance?.reason ?? ''}`
      if (!(events.at(-1) ?? '').endsWith(event)) events.push(`${clock.nowMs()} ${event}`)
    },
  })
  const start = supervisor.start()
  await clock.advance('20s')
  await start
  const stop = supervisor.stop(5_000)
  await clock.advance('6s')
  await stop
  return events
}

test('restarts, pauses and time limits are the same whatever the wall clock does', async () => {
  const lives = await Promise.all(JUMPS_MS.map((jumpMs) => life(jumping(jumpMs))))
  expect(lives[0]!.some((event) => event.includes('was not ready within'))).toBe(true)
  expect(lives[1]).toEqual(lives[0])
  expect(lives[2]).toEqual(lives[0])
})

test('the duration in the audit log is what a command took, whatever the wall clock does', async () => {
  for (const jumpMs of JUMPS_MS) {
    const clock = jumping(jumpMs)
    const entries: Readonly<Record<string, unknown>>[] = []
    const wait: ControlCommand = {
      secrets: [],
      isAllowedUnaudited: false,
      run: () => new Promise((resolve) => clock.schedule(2_000, () => resolve(undefined))),
    }
    const runner = createCommandRunner({
      audit: { append: async (entry) => void entries.push(entry) },
      clock,
      commands: { wait },
    })
    const ran = runner.run({ id: 'a', name: 'wait', arguments: {} })
    await clock.advance('3s')
    await ran
    expect(entries.at(-1)).toMatchObject({ event: 'done', durationMs: 2_000 })
  }
})

test('frames are kept for their time and given to who follows, whatever the wall clock does', async () => {
  for (const jumpMs of JUMPS_MS) {
    const clock = jumping(jumpMs)
    const store = createFrameStore({ clock, keepMs: 60_000 })
    const followed = store.watch()
    for (let i = 0; i < 100; i++) {
      store.append({ atEpochMs: clock.epochMs(), source: 'gateway', samples: [] })
      await clock.advance('1s')
    }
    expect(store.count).toBeGreaterThanOrEqual(60)
    expect(store.count).toBeLessThanOrEqual(62)
    expect((await followed.next()).done).toBe(false)
    store.close()
  }
})
