import { utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { timeOfLine } from '../../src/fleet/line-time.ts'
import { pastLines } from '../../src/fleet/past-lines.ts'
import { temporaryDirectory } from './temporary-directory.ts'

const NOON = Date.UTC(2026, 0, 1, 12)

describe('the time of a line', () => {
  test.each([
    ['pino', `{"level":30,"time":${NOON},"msg":"x"}`, NOON],
    ['winston', '{"level":"info","timestamp":"2026-01-01T12:00:00.000Z"}', NOON],
    ['zap', `{"ts":${NOON / 1_000 + 0.25},"msg":"x"}`, NOON + 250],
    ['Elastic', '{"@timestamp":"2026-01-01T13:00:00+01:00"}', NOON],
    ['ISO 8601', '2026-01-01T12:00:00Z ready', NOON],
    ['ISO 8601 in brackets, with a zone', '[2026-01-01T14:00:00.500+0200] ready', NOON + 500],
    ['Python', '2026-01-01 12:00:00,123 INFO ready', NOON + 123],
    ['PostgreSQL', '2026-01-01 12:00:00.123 UTC [4711] LOG:  ready', NOON + 123],
    ['none', 'listening on 3000', undefined],
    ['half an object', `{"time":${NOON}`, undefined],
    ['an object without', '{"msg":"x"}', undefined],
    ['no time', '{"time":"soon"}', undefined],
    ['a date that there is not', '2026-13-41T12:00:00Z', undefined],
  ])('is read as %s writes it', (_, line, expected) => {
    expect(timeOfLine(line)).toBe(expected)
  })
})

describe('the lines of a file', () => {
  function logFile(...lines: readonly string[]): string {
    const file = join(temporaryDirectory(), 'api-1.log')
    writeFileSync(file, lines.map((line) => `${line}\n`).join(''))
    return file
  }
  const texts = async (...args: Parameters<typeof pastLines>): Promise<readonly string[]> =>
    (await pastLines(...args)).map(({ line }) => line)

  test('take the time of the line before them', async () => {
    const file = logFile(
      'start',
      `{"time":${NOON},"msg":"failed"}`,
      '    at somewhere',
      '',
      `{"time":${NOON + 60_000}}`,
    )
    expect(await pastLines(file, 9, {})).toEqual([
      { line: 'start' },
      { line: `{"time":${NOON},"msg":"failed"}`, atEpochMs: NOON },
      { line: '    at somewhere', atEpochMs: NOON },
      { line: '', atEpochMs: NOON },
      { line: `{"time":${NOON + 60_000}}`, atEpochMs: NOON + 60_000 },
    ])
  })

  test('are those since a moment, and only the last of them', async () => {
    const file = logFile(
      ...Array.from({ length: 500 }, (_, at) => `${new Date(NOON + at * 1_000).toISOString()} ${at}`),
    )
    utimesSync(file, NOON / 1_000 + 500, NOON / 1_000 + 500)
    const since = { sinceEpochMs: NOON + 490_000 }
    expect(await texts(file, 1_000, since)).toHaveLength(10)
    expect((await texts(file, 3, since)).map((line) => line.split(' ')[1])).toEqual(['497', '498', '499'])
    expect(await texts(file, 9, { sinceEpochMs: NOON + 501_000 })).toEqual([])
  })

  test('without any time count as written when the file was', async () => {
    const file = logFile('one', 'two')
    utimesSync(file, NOON / 1_000, NOON / 1_000)
    expect(await texts(file, 9, { sinceEpochMs: NOON - 1 })).toEqual(['one', 'two'])
    expect(await texts(file, 9, { sinceEpochMs: NOON + 1 })).toEqual([])
  })

  test('are searched before they are counted, for every text', async () => {
    const file = logFile('a 1', 'b 1', 'a 2', 'a 3 [x]', 'b 3')
    expect(await texts(file, 2, { contains: ['a'] })).toEqual(['a 2', 'a 3 [x]'])
    expect(await texts(file, 9, { contains: ['a', '[x]'] })).toEqual(['a 3 [x]'])
    expect(await texts(file, 0, { contains: ['a'] })).toEqual([])
  })

  test('are none where there is no file', async () => {
    expect(await texts(join(temporaryDirectory(), 'x.log'), 9, { contains: ['a'] })).toEqual([])
  })
})
