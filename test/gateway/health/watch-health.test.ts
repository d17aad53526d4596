import { expect, it } from 'vitest'
import type { UnwellInstance } from '../../../src/control/snapshot.ts'
import type { GatewayState } from '../../../src/gateway/gateway-state.ts'
import { watchHealth } from '../../../src/gateway/health/watch-health.ts'
import { virtualClock } from '../../../src/testing/virtual-clock.ts'

function stateWith(out: GatewayState['services'][string]['out'], isPanic = false): GatewayState {
  const api = { inFlight: 0, queued: 0, endpoints: [], out, isPanic }
  return { pid: 1, run: undefined, configVersion: 1, url: '', internalUrl: '', services: { api }, doors: {} }
}

it('tells of each change once, goes on when nobody answers, and ends with the signal', async () => {
  const clock = virtualClock()
  const told: (readonly UnwellInstance[])[] = []
  let state: () => Promise<GatewayState> = () => Promise.resolve(stateWith([]))
  const ending = new AbortController()
  const watching = watchHealth({
    state: () => state(),
    clock,
    signal: ending.signal,
    onChange: (unwell) => told.push(unwell),
  })
  await clock.advance('3s')
  expect(told).toEqual([])
  state = () => Promise.resolve(stateWith([{ id: 'api-2', reason: '5 failures in a row: out for 30 s' }], true))
  await clock.advance('3s')
  const unwell = {
    service: 'api',
    instance: 'api-2',
    reason: '5 failures in a row: out for 30 s',
    isServedNonetheless: true,
  }
  expect(told).toEqual([[unwell]])
  state = () => Promise.reject(new Error('nobody is there'))
  await clock.advance('3s')
  state = () => Promise.resolve(stateWith([]))
  await clock.advance('3s')
  expect(told).toEqual([[unwell], []])
  ending.abort()
  await watching
  expect(clock.pending).toBe(0)
})
