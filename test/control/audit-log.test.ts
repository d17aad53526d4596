import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createAuditLog } from '../../src/control/audit-log.ts'
import { redact } from '../../src/control/redact.ts'

let directory: string
let file: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tf-audit-'))
  file = join(directory, 'audit.log')
})

afterEach(() => rm(directory, { recursive: true, force: true }))

async function entries(path: string): Promise<unknown[]> {
  const lines = (await readFile(path, 'utf8')).split('\n')
  expect(lines.pop()).toBe('')
  return lines.map((line) => JSON.parse(line) as unknown)
}

describe('the audit log', () => {
  test('keeps the order of the calls, for its owner alone', async () => {
    const log = createAuditLog({ file })
    await Promise.all(Array.from({ length: 20 }, (_, n) => log.append({ n, text: 'two\nlines' })))

    expect(await entries(file)).toEqual(Array.from({ length: 20 }, (_, n) => ({ n, text: 'two\nlines' })))
    expect((await stat(file)).mode & 0o777).toBe(0o600)
  })

  test('goes on after the half line of a power cut', async () => {
    await createAuditLog({ file }).append({ n: 1 })
    await appendFile(file, '{"n":2,"tor')
    await createAuditLog({ file }).append({ n: 3 })

    expect((await readFile(file, 'utf8')).split('\n')).toEqual(['{"n":1}', '{"n":2,"tor', '{"n":3}', ''])
  })

  test('starts wherever a power cut has torn its last line, and loses no other', async () => {
    const log = createAuditLog({ file })
    for (const n of [1, 2, 3]) await log.append({ n, text: 'é' })
    const whole = await readFile(file)
    for (let length = 0; length < whole.length; length++) {
      await writeFile(file, whole.subarray(0, length))
      await createAuditLog({ file }).append({ n: 'after' })
      const lines = (await readFile(file)).toString('latin1').split('\n')
      expect(lines.slice(-2)).toEqual(['{"n":"after"}', ''])
      const linesBefore = whole.subarray(0, length).toString('latin1').split('\n').length - 1
      expect(lines.filter((line) => /^\{.*\}$/.test(line)).length).toBeGreaterThanOrEqual(linesBefore + 1)
    }
  })

  test('is put aside at its size, whole lines each, and the oldest go', async () => {
    const log = createAuditLog({ file, rotateBytes: 100, keepFiles: 2 })
    for (let n = 10; n < 60; n++) await log.append({ n, filler: 'x'.repeat(20) })

    expect((await readdir(directory)).sort()).toEqual(['audit.log', 'audit.log.1', 'audit.log.2'])
    const kept = (
      await Promise.all(['audit.log.2', 'audit.log.1', 'audit.log'].map((n) => entries(join(directory, n))))
    ).flat()
    expect(kept).toEqual(
      Array.from({ length: kept.length }, (_, i) => ({ n: 60 - kept.length + i, filler: 'x'.repeat(20) })),
    )
    expect((await stat(file)).size).toBeLessThanOrEqual(100)
  })

  test('says that it can not be written, and works again when it can', async () => {
    await mkdir(file)
    const log = createAuditLog({ file })
    await expect(log.append({ n: 1 })).rejects.toMatchObject({ code: 'TF_STATE_UNUSABLE' })
    await rm(file, { recursive: true })
    await writeFile(file, '')
    await log.append({ n: 2 })

    expect(await entries(file)).toEqual([{ n: 2 }])
  })
})

describe('redact', () => {
  test('leaves out what sounds secret, or is said to be, at any depth', () => {
    const value = { user: 'ada', password: 'p', deep: [{ apiKey: 'k', note: 'n' }], card: '4711', Authorization: ['a'] }

    expect(redact(value, ['card'])).toEqual({
      user: 'ada',
      password: '[redacted]',
      deep: [{ apiKey: '[redacted]', note: 'n' }],
      card: '[redacted]',
      Authorization: '[redacted]',
    })
  })

  test('bounds text, lists and depth, also of a value that contains itself', () => {
    const circle: Record<string, unknown> = { text: 'x'.repeat(10_000), list: Array.from({ length: 5_000 }, () => 1) }
    circle['self'] = circle

    expect(JSON.stringify(redact(circle)).length).toBeLessThan(10_000)
  })
})
