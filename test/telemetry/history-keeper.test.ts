import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createHistoryKeeper } from '../../src/telemetry/history-keeper.ts'
import type { HistoryMessage } from '../../src/telemetry/history-protocol.ts'
import { gatewayFrame, temporaryDirectory } from './frames-for-tests.ts'

const limits = {
  keepSeconds: { 1: 1_000_000, 10: 1_000_000, 60: 1_000_000 },
  bytesMax: 16 * 1024 ** 2,
  spansMax: 1_000,
}
const query = { name: 'tenfold.gateway.retries', fromEpochMs: 0, toEpochMs: 9_000_000, stepMs: 1_000 } as const

function stage(file: string) {
  const messages: HistoryMessage[] = []
  let nowMs = 0
  const keeper = createHistoryKeeper(
    { file, limits },
    { tell: (message) => messages.push(message), epochMs: () => 3_000_000, nowMs: () => nowMs },
  )
  let id = 0
  return {
    write: (second: number) =>
      keeper.answer({ id: ++id, kind: 'write', frames: [gatewayFrame(second, { retries: 1 })] }),
    ask: () => keeper.answer({ id: ++id, kind: 'series', query }),
    close: () => keeper.answer({ id: ++id, kind: 'close' }),
    pass: (ms: number) => void (nowMs += ms),
    /** What has been told since the last call. */
    told: () => messages.splice(0),
  }
}

describe('the keeper of the history', () => {
  test('opens the file with the first frame, and answers', () => {
    const { write, ask, close, told } = stage(join(temporaryDirectory(), 'a', 'h.sqlite'))
    for (let second = 1; second <= 5; second++) write(second)
    ask()
    close()
    expect(told().map(({ kind }) => kind)).toEqual(['opened', 'done', 'done', 'done', 'done', 'done', 'done', 'done'])
  })

  test('puts a file aside when its damage shows only in use, and goes on with a new one', () => {
    const file = join(temporaryDirectory(), 'h.sqlite')
    const first = stage(file)
    for (let second = 1; second <= 3_000; second++) first.write(second)
    first.close()
    const bytes = readFileSync(file)
    // The pages of the tables; the head and the list of tables stay whole.
    bytes.fill(0xee, 4_096 + 2_048)
    writeFileSync(file, bytes)

    const second = stage(file)
    for (let at = 0; at < 3; at++) {
      second.write(4_000 + at)
      second.ask()
    }
    second.write(4_010)
    const told = second.told()
    expect(told.findLast(({ kind }) => kind === 'opened')).toMatchObject({ putAside: { file: `${file}.damaged` } })
    expect(told.at(-1)).toMatchObject({ kind: 'done' })
    expect(existsSync(`${file}.damaged`)).toBe(true)
    second.close()
  })

  test('tries a place that can not be used again after ten seconds', () => {
    const directory = temporaryDirectory()
    // A file where the directory should be: refused for root as well.
    writeFileSync(join(directory, 'a'), '')
    const { write, close, pass, told } = stage(join(directory, 'a', 'h.sqlite'))
    write(1)
    expect(told()).toMatchObject([{ kind: 'unavailable' }, { kind: 'failed', code: 'TF_HISTORY_UNAVAILABLE' }])
    rmSync(join(directory, 'a'))
    mkdirSync(join(directory, 'a'))
    chmodSync(join(directory, 'a'), 0o700)
    write(2)
    expect(told()).toMatchObject([{ kind: 'failed' }])
    pass(10_001)
    write(3)
    expect(told()).toMatchObject([{ kind: 'opened' }, { kind: 'done' }])
    close()
  })

  test('goes on with the file, or with a new one, wherever a power cut has torn it', () => {
    const file = join(temporaryDirectory(), 'h.sqlite')
    const first = stage(file)
    for (let second = 1; second <= 100; second++) first.write(second)
    first.close()
    const whole = readFileSync(file)
    const lengths = [0, 1, 15, 16, 99, 100, 101, whole.length - 1]
    for (let length = 512; length < whole.length; length += 512) lengths.push(length)
    for (const length of lengths) {
      for (const suffix of ['', '-wal', '-shm', '.damaged']) rmSync(`${file}${suffix}`, { force: true })
      writeFileSync(file, whole.subarray(0, length))
      const { write, ask, close, told } = stage(file)
      // The damage may show only in use; then the first write of some is lost, and the next go to a new file.
      for (let second = 200; second < 205; second++) write(second)
      ask()
      write(210)
      ask()
      close()
      const last = told().filter(({ kind }) => kind === 'done' || kind === 'failed')
      expect(
        last.slice(-3).map(({ kind }) => kind),
        `${length} bytes`,
      ).toEqual(['done', 'done', 'done'])
    }
  })
})
