import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { TestBed } from './test-bed.ts'
import { createTestBed, until } from './test-bed.ts'

let bed: TestBed

beforeAll(async () => {
  bed = await createTestBed()
})

afterAll(() => bed.end())

test('a node that takes over may use more than its CPU limit, for a moment', { timeout: 240_000 }, async () => {
  const cluster = bed.cluster('limited', {
    followers: { count: 1, isSynchronous: true, durability: 'preferred' },
    limits: { cpu: 0.5 },
  })
  await cluster.start()
  cluster.holdToLimits()
  const standby = cluster.nodes.find(({ role }) => role === 'standby')!.process!
  const limited: boolean[] = []
  vi.spyOn(standby, 'limitCpu').mockImplementation((isLimited) => void limited.push(isLimited))
  cluster.process?.signal('SIGKILL')
  await until('another term', () => cluster.term === 2 && cluster.state.kind === 'ready')
  expect(limited[0]).toBe(false)
  await until('its limit again', () => limited.at(-1) === true)
  await cluster.stop()
})
