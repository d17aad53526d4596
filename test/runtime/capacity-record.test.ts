import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createCapacityRecord } from '../../src/runtime/capacity-record.ts'
import { temporaryDirectory } from '../fleet/temporary-directory.ts'

const SEEN = { orders: { messages: 40, busySeconds: 2 } }

function stage() {
  const file = join(temporaryDirectory(), 'capacities.json')
  const problems: string[] = []
  const open = async () => {
    const record = createCapacityRecord(file, (message) => problems.push(message))
    await record.load()
    return record
  }
  return { file, problems, open }
}

test('what was set is there after a restart', async () => {
  const { open, problems } = stage()
  const record = await open()
  expect(record.of('billing')).toEqual({})
  record.set('billing', { orders: { messages: 1, busySeconds: 1 } })
  record.set('billing', SEEN)
  record.set('gone', SEEN)
  await record.flush()
  const next = await open()
  expect(next.of('billing')).toEqual(SEEN)
  next.keep(['billing'])
  await next.flush()
  expect((await open()).of('gone')).toEqual({})
  expect(problems).toEqual([])
})

test('a file that is damaged is said, and measured anew', async () => {
  const { file, open, problems } = stage()
  await writeFile(file, '{"layout":1,"services":{"billing":{"orders":{"messages":"many"}}}}')
  expect((await open()).of('billing')).toEqual({})
  expect(problems).toEqual([expect.stringContaining('measured anew')])
})

test('a file that cannot be written is said once, and nobody waits', async () => {
  const problems: string[] = []
  const record = createCapacityRecord('/proc/no/such/place', (message) => problems.push(message))
  await record.load()
  record.set('billing', SEEN)
  await record.flush()
  record.set('billing', {})
  await record.flush()
  expect(record.of('billing')).toEqual({})
  expect(problems.length).toBe(1)
})
