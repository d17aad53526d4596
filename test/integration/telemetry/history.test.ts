import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../../src/core/clock.ts'
import type { Notice } from '../../../src/control/snapshot.ts'
import type { History } from '../../../src/telemetry/history.ts'
import { createHistory } from '../../../src/telemetry/history.ts'
import { openHistoryDatabase } from '../../../src/telemetry/history-database.ts'
import { componentCases } from '../../../src/testing/contracts/component.ts'
import { gatewayFrame } from '../../telemetry/frames-for-tests.ts'

const directories: string[] = []
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true })
})

function place(): string {
  const directory = mkdtempSync(join(tmpdir(), 'tenfold history '))
  directories.push(directory)
  return join(directory, 'history.sqlite')
}

const now = Math.floor(systemClock.epochMs() / 1_000)
const query = {
  name: 'tenfold.gateway.retries',
  fromEpochMs: (now - 600) * 1_000,
  toEpochMs: (now + 10) * 1_000,
  stepMs: 1_000,
} as const

describe('the history in its thread', () => {
  test('keeps frames across restarts', async () => {
    const file = place()
    const first = createHistory({ file, clock: systemClock })
    await first.start()
    for (let at = 0; at < 100; at++) first.append(gatewayFrame(now - 100 + at, { retries: 1 }))
    await first.stop()
    const second = createHistory({ file, clock: systemClock })
    await second.start()
    expect((await second.series(query))[0]?.points).toHaveLength(100)
    expect(await second.stats()).toMatchObject({ series: 1, samples: 0 })
    await second.stop()
    await expect(second.series(query)).rejects.toMatchObject({ code: 'TF_HISTORY_UNAVAILABLE' })
  })

  test('begins anew when the file is damaged, and says so', async () => {
    const file = place()
    writeFileSync(file, 'rubbish '.repeat(2_000))
    const notices: Omit<Notice, 'atEpochMs'>[] = []
    const history = createHistory({ file, clock: systemClock, onNotice: (notice) => notices.push(notice) })
    await history.start()
    history.append(gatewayFrame(now, { retries: 1 }))
    await history.stats()
    await history.stop()
    expect(notices).toMatchObject([{ level: 'warning', hint: expect.stringContaining('history.sqlite.damaged') }])
  })

  test('leaves frames out rather than hold more and more of them', async () => {
    const history = createHistory({ file: place(), clock: systemClock })
    await history.start()
    const samples = Array.from({ length: 1_000 }, () => ({ name: 'process.cpu.time', value: 1 }))
    for (let at = 0; at < 200; at++) history.append({ atEpochMs: now * 1_000, source: 'host', samples })
    expect(history.framesDropped).toBeGreaterThan(90)
    await history.stop()
  })

  test('survives a kill in the middle of writing: what was committed is there', () => {
    const file = place()
    const module = new URL('../../../src/telemetry/history-database.ts', import.meta.url).href
    const program = `
      import { openHistoryDatabase } from ${JSON.stringify(module)}
      const limits = { keepSeconds: { 1: 1e9, 10: 1e9, 60: 1e9 }, bytesMax: 1e8, spansMax: 1_000 }
      const history = openHistoryDatabase(process.argv[1], limits)
      for (let at = 1; at < 500; at++) {
        history.write([{ atEpochMs: ${now - 600} * 1000 + at * 1000, source: 'gateway', samples: [{ name: 'tenfold.gateway.retries', labels: { service: 'a' }, value: 1 }] }])
      }
      process.kill(process.pid, 'SIGKILL')`
    const { signal } = spawnSync(process.execPath, ['--input-type=module-typescript', '--eval', program, file], {
      timeout: 30_000,
    })
    expect(signal).toBe('SIGKILL')
    const history = openHistoryDatabase(file, {
      keepSeconds: { 1: 1e9, 10: 1e9, 60: 1e9 },
      bytesMax: 1e8,
      spansMax: 1_000,
    })
    expect(history.putAside).toBeUndefined()
    expect(history.series(query)[0]?.points).toHaveLength(497)
    history.close()
  })

  describe('lives as a component', () => {
    for (const { name, run } of componentCases) {
      test(name, async () => {
        const threads = new Set<History>()
        await run({
          abilities: ['restart'],
          startMsTypical: 5,
          create: () => {
            const history = createHistory({ file: place(), clock: systemClock })
            threads.add(history)
            return history
          },
          isWorking: async (component) => (await (component as History).stats()).series === 0,
          remains: async (component) =>
            (component as History).stats().then(
              () => ['its thread'],
              () => [],
            ),
        })
      })
    }
  })
})
