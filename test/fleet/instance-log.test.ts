import { appendFileSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { InstanceLogs, InstanceLogsOptions } from '../../src/fleet/instance-log.ts'
import { createInstanceLogs } from '../../src/fleet/instance-log.ts'
import { lastLines, LINE_BYTES_MAX } from '../../src/fleet/last-lines.ts'
import { createLineSplitter } from '../../src/fleet/line-splitter.ts'
import { rotateLog } from '../../src/fleet/rotate-log.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'
import { temporaryDirectory } from './temporary-directory.ts'

interface Stage {
  readonly logs: InstanceLogs
  readonly lines: readonly string[]
  print(text: string, instance?: string): void
}

function stage(options: Partial<InstanceLogsOptions> = {}, before = ''): Stage & { readonly file: string } {
  const directory = temporaryDirectory()
  mkdirSync(join(directory, 'api'))
  const file = join(directory, 'api/api-1.log')
  if (before !== '') writeFileSync(file, before)
  const logs = createInstanceLogs({ directory, clock: virtualClock(), ...options })
  const lines: string[] = []
  logs.subscribe(({ service, instance, line }) => lines.push(`${service}/${instance} ${line}`))
  return {
    logs,
    lines,
    file,
    print: (text, instance = 'api-1') => appendFileSync(join(directory, `api/${instance}.log`), text),
  }
}

describe('instance logs', () => {
  test('pass on each new line with where it comes from, not those from before', async () => {
    const { logs, lines, print } = stage({}, 'old\n')
    print('one\ntwo\n')
    print('three\n', 'api-2')
    await logs.close()
    expect(lines).toEqual(['api/api-1 one', 'api/api-1 two', 'api/api-2 three'])
  })

  test('look by the clock, and give a line without its end when nothing more comes of it', async () => {
    const clock = virtualClock()
    const { logs, lines, print } = stage({ clock })
    print('whole\nhalf')
    await until(clock, () => lines.length === 1)
    print(' and half\n')
    await until(clock, () => lines.length === 2)
    expect(lines).toEqual(['api/api-1 whole', 'api/api-1 half and half'])
    print('no end')
    await until(clock, () => lines.length === 3)
    expect(lines.at(-1)).toBe('api/api-1 no end')
    await logs.close()
    expect(clock.pending).toBe(0)
  })

  test('say how much of a flood they left out', async () => {
    const { logs, lines, print } = stage({ linesPerSecondMax: 50 })
    print('x\n'.repeat(1_000))
    await logs.close()
    expect(lines).toHaveLength(11)
    expect(lines.at(-1)).toBe('api/api-1 … 990 lines dropped')
  })

  test('rotate a file that has grown too big, and lose nothing of it', async () => {
    const { logs, lines, print, file } = stage({ rotation: { bytesMax: 1_000, keep: 2 } })
    const text = 'a line of some length\n'.repeat(60)
    print(text)
    await logs.close()
    expect(statSync(file).size).toBe(0)
    expect(readFileSync(`${file}.1`, 'utf8')).toBe(text.slice(-1_000))
    expect(lines).toHaveLength(60)
  })

  test('keep their files small and their reading short in a flood, and say whose it is', async () => {
    const clock = virtualClock()
    const problems: string[] = []
    const { logs, lines, print, file } = stage({
      clock,
      rotation: { bytesMax: 100_000, keep: 2 },
      onProblem: (message) => problems.push(message),
    })
    print('before the flood\n'.repeat(7_000))
    await until(clock, () => existsSync(`${file}.1`))
    const flood = 'y\n'.repeat(2_000_000)
    // A slow disk has a look of its own between two of them; ten looks would rotate.
    for (let i = 0; i < 4; i++) {
      print(flood)
      await until(clock, () => statSync(file).size === 0)
    }
    await logs.close()
    expect(existsSync(`${file}.2`)).toBe(false)
    expect(readFileSync(`${file}.1`, 'utf8')).toContain('before the flood')
    expect(lines.filter((line) => /… \d{7} bytes dropped/.test(line))).toHaveLength(4)
    expect(lines.length).toBeLessThan(5 * 202)
    expect(new Set(problems)).toEqual(new Set(['api-1 prints faster than its log is kept: parts of it are left out']))
  })

  test('read back the last lines, from older files too', async () => {
    const { logs, print, file } = stage()
    writeFileSync(`${file}.1`, 'b\nc\n')
    writeFileSync(`${file}.2`, 'a\n')
    print('d\n')
    print('z\n', 'api-10')
    print('y\n', 'api-2')
    const texts = async (count: number, instance?: string): Promise<readonly string[]> =>
      (await logs.last('api', count, instance)).map((line) => `${line.instance} ${line.line}`)
    expect(await texts(2)).toEqual(['api-1 c', 'api-1 d', 'api-2 y', 'api-10 z'])
    expect(await texts(9, 'api-1')).toEqual(['api-1 a', 'api-1 b', 'api-1 c', 'api-1 d'])
    expect(await logs.last('nobody', 9)).toEqual([])
    expect(await logs.last('api', 9, '../../etc/passwd')).toEqual([])
    await logs.close()
  })

  test('go on when a file is removed, and begin again when it comes back', async () => {
    const clock = virtualClock()
    const { logs, lines, print, file } = stage({ clock })
    print('one\n')
    await until(clock, () => lines.length === 1)
    writeFileSync(file, '')
    print('2\n')
    await until(clock, () => lines.length === 2)
    await logs.close()
    expect(lines).toEqual(['api/api-1 one', 'api/api-1 2'])
  })
})

describe('rotation', () => {
  test('keeps a bounded number of bounded files, the latest as number 1', () => {
    const file = join(temporaryDirectory(), 'x.log')
    for (let i = 1; i <= 5; i++) {
      writeFileSync(file, `${i}`.repeat(100))
      rotateLog(file, { bytesMax: 10, keep: 3 })
    }
    expect([1, 2, 3].map((age) => readFileSync(`${file}.${age}`, 'utf8'))).toEqual(
      ['5', '4', '3'].map((digit) => digit.repeat(10)),
    )
    expect(existsSync(`${file}.4`)).toBe(false)
    expect(statSync(file).size).toBe(0)
  })
})

describe('the last lines of a file', () => {
  test('are found from the end, whatever the sizes', async () => {
    const file = join(temporaryDirectory(), 'x.log')
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.string({ maxLength: 40 }).map((line) => line.replaceAll(/[\n\r]/g, '')),
          { maxLength: 60 },
        ),
        fc.integer({ min: 1, max: 70 }),
        async (lines, count) => {
          writeFileSync(file, lines.map((line) => `${line}\n`).join(''))
          expect(await lastLines(file, count)).toEqual(lines.slice(-count))
        },
      ),
    )
  })

  test('begin where they are told to', async () => {
    const file = join(temporaryDirectory(), 'x.log')
    writeFileSync(file, 'old\nnew\n')
    expect(await lastLines(file, 5, 4)).toEqual(['new'])
    expect(await lastLines(file, 5, 8)).toEqual([])
    // Shorter than that: it was rotated meanwhile, so all of it is new.
    expect(await lastLines(file, 5, 100)).toEqual(['old', 'new'])
    expect(await lastLines(join(file, 'nothing'), 5)).toEqual([])
  })

  test('cross the pieces in which a file is read', async () => {
    const file = join(temporaryDirectory(), 'x.log')
    const lines = Array.from({ length: 20_000 }, (_, i) => `line number ${i}`)
    writeFileSync(file, `${lines.join('\n')}\n`)
    expect(await lastLines(file, 9_000)).toEqual(lines.slice(-9_000))
  })
})

describe('the line splitter', () => {
  test('gives the same lines however the output is cut into pieces', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme', maxLength: 30 })), fc.array(fc.nat(300)), (texts, cuts) => {
        const lines = texts.map((text) => text.replaceAll(/[\n\r]/g, ' '))
        const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''))
        const splitter = createLineSplitter()
        const positions = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length]
        // One buffer for all pieces, as the reader has it.
        const buffer = Buffer.alloc(bytes.length)
        const got = positions.flatMap((position, i) => {
          const length = bytes.copy(buffer, 0, position, positions[i + 1])
          return splitter.push(buffer.subarray(0, length))
        })
        expect(got).toEqual(lines)
        expect(splitter.flush()).toEqual([])
      }),
    )
  })

  test('counts the lines of a piece without making them, and goes on with the line after', () => {
    const splitter = createLineSplitter()
    splitter.push(Buffer.from('a\nhalf'))
    expect(splitter.skip(Buffer.from(' and half\nb\nthe la'))).toBe(2)
    expect(splitter.skip(Buffer.from('st '))).toBe(0)
    expect(splitter.push(Buffer.from('line\n'))).toEqual(['the last line'])
  })

  test('cuts a line that is too long, and says how much is missing', () => {
    const splitter = createLineSplitter()
    const piece = Buffer.alloc(LINE_BYTES_MAX, 'x')
    for (let i = 0; i < 4; i++) expect(splitter.push(piece)).toEqual([])
    const [line] = splitter.push(Buffer.from('\nnext'))
    expect(line).toBe(`${'x'.repeat(LINE_BYTES_MAX)}… (${3 * LINE_BYTES_MAX} bytes more)`)
    expect(splitter.flush()).toEqual(['next'])
  })
})

/** Lets the clock run until something has come of the file system's work. */
async function until(clock: ReturnType<typeof virtualClock>, isThere: () => boolean): Promise<void> {
  const giveUpMs = performance.now() + 10_000
  while (!isThere() && performance.now() < giveUpMs) await clock.advance(200)
  expect(isThere()).toBe(true)
}
