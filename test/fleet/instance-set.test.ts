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
