import { expect, test } from 'vitest'
import { createServiceSupervisor } from '../../src/fleet/service-supervisor.ts'
import { simulatedHost } from '../../src/testing/simulated-host.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'
import { rememberingBalancer, testRelease, testService } from './test-service.ts'

test('only instances that start beside some that serve give way', async () => {
  const clock = virtualClock()
  const starts: string[] = []
  const host = simulatedHost(clock, ({ id, givesWay }) => {
    starts.push(`${id} ${givesWay === true ? 'gives way' : 'does not'}`)
    return {}
  })
  const supervisor = createServiceSupervisor({
    service: testService(),
    release: testRelease,
    host,
    balancer: rememberingBalancer(),
    clock,
  })
  const start = supervisor.start()
  await clock.advance('1s')
  await start
  supervisor.scale(3)
  await clock.advance('1s')
  host.crash('api-1')
  await clock.advance('5s')
  expect(starts).toEqual(['api-1 does not', 'api-2 does not', 'api-3 gives way', 'api-1 gives way'])
  for (const id of ['api-1', 'api-2', 'api-3']) host.crash(id)
  await clock.advance('1s')
  expect(starts.slice(4).filter((each) => each.endsWith('does not'))).not.toEqual([])
})

test('starts take turns while others serve, also those of a canary, and not when nobody does', async () => {
  const clock = virtualClock()
  const starts: string[] = []
  const host = simulatedHost(clock, ({ id }) => {
    starts.push(`${id} at ${clock.nowMs()}`)
    return { readyAfterMs: 300 }
  })
  const service = testService()
  const supervisor = createServiceSupervisor({
    service,
    release: testRelease,
    host,
    balancer: rememberingBalancer(),
    clock,
    desired: 4,
    startsAtOnce: 1,
  })
  const start = supervisor.start()
  await clock.advance('1s')
  await start
  const beganMs = new Set(starts.map((each) => each.split(' at ')[1]))
  expect({ count: starts.length, moments: beganMs.size }).toEqual({ count: 4, moments: 1 })
  const release = { ...testRelease, id: 'next' }
  const over = Promise.withResolvers<void>()
  const replaced = supervisor.replace({ service, release }, { canary: { share: 0.5, hold: () => over.promise } })
  await clock.advance('2s')
  const canaries = starts.slice(4).map((each) => each.split(' at ')[1])
  expect({ count: canaries.length, moments: new Set(canaries).size }).toEqual({ count: 2, moments: 2 })
  over.resolve()
  await clock.advance('10s')
  await replaced
})
