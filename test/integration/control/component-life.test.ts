import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { connectControl } from '../../../src/control/control-client.ts'
import { createControlServer } from '../../../src/control/control-server.ts'
import { createFrameStore } from '../../../src/control/frame-store.ts'
import { createHostMetrics } from '../../../src/control/host-metrics.ts'
import { createSnapshotStore } from '../../../src/control/snapshot-store.ts'
import { systemClock } from '../../../src/core/clock.ts'
import { componentCases } from '../../../src/testing/contracts/component.ts'
import { virtualClock } from '../../../src/testing/virtual-clock.ts'
import { silentLogs, snapshotForTests } from '../../control/snapshot-for-tests.ts'

describe('the control server', () => {
  let directory: string
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'tf-life-'))
  })
  afterAll(() => rm(directory, { recursive: true, force: true }))

  const harness = {
    create: () =>
      createControlServer({
        series: {
          series: () => Promise.resolve([]),
          trace: () => Promise.resolve([]),
          traces: () => Promise.resolve([]),
        },
        socket: join(directory, 'control.sock'),
        auditFile: join(directory, 'audit.log'),
        snapshots: createSnapshotStore(snapshotForTests()),
        frames: createFrameStore({ clock: systemClock }),
        logs: silentLogs,
        commands: {},
        clock: systemClock,
      }),
    remains: () => readdir(directory),
    isWorking: async () => (await connectControl(join(directory, 'control.sock')).snapshot()).version === 1,
    abilities: ['restart'] as const,
    startMsTypical: 5,
  }
  for (const { name, run } of componentCases) test(name, () => run(harness))
})

describe('host metrics', () => {
  const clock = virtualClock()
  let frames = 0
  const harness = {
    create: () => createHostMetrics({ clock, append: () => void (frames += 1) }),
    remains: () => (clock.pending === 0 ? [] : ['a timer']),
    async isWorking() {
      const before = frames
      await clock.advance('1s')
      return frames === before + 1
    },
    abilities: ['restart'] as const,
    wait: (delayMs: number) => clock.advance(delayMs),
  }
  for (const { name, run } of componentCases) {
    // It starts within the call, so there is no start to stop.
    if (!name.includes('same tick')) test(name, () => run(harness))
  }
})
