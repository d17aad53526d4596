import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Notice, ServiceStatus } from '../../src/control/snapshot.ts'
import type { Clock } from '../../src/core/clock.ts'
import { sleep, systemClock } from '../../src/core/clock.ts'
import { hasCode } from '../../src/core/errors.ts'
import { seededRandom } from '../../src/core/random.ts'
import type { Balancer } from '../../src/fleet/balancer-port.ts'
import type { ServiceSupervisor } from '../../src/fleet/service-supervisor.ts'
import type { ServiceSupervisorOptions } from '../../src/fleet/service-supervisor-options.ts'
import { createServiceSupervisor } from '../../src/fleet/service-supervisor.ts'
import type { ComponentHarness } from '../../src/testing/contracts/component.ts'
import { componentCases } from '../../src/testing/contracts/component.ts'
import type { SimulatedHost, SimulatedProgram } from '../../src/testing/simulated-host.ts'
import { simulatedHost } from '../../src/testing/simulated-host.ts'
import type { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'
import type { RememberingBalancer } from './test-service.ts'
import { rememberingBalancer, testRelease, testService } from './test-service.ts'

interface Stage {
  readonly clock: VirtualClock
  readonly host: SimulatedHost
  readonly balancer: RememberingBalancer
  readonly supervisor: ServiceSupervisor
  readonly notices: readonly Notice[]
  /** Every state that an instance was seen in: `api-1 ready`. */
  readonly seen: ReadonlySet<string>
}

function stage(
  program: (id: string, startNumber: number) => SimulatedProgram = () => ({}),
  options: Partial<ServiceSupervisorOptions> & { drain?: (id: string, deadlineMs: number) => Promise<boolean> } = {},
): Stage {
  const clock = virtualClock()
  const host = simulatedHost(clock, ({ id }, startNumber) => program(id, startNumber))
  const balancer = rememberingBalancer(options.drain)
  const notices: Notice[] = []
  const seen = new Set<string>()
  const supervisor = createServiceSupervisor({
    service: testService(),
    release: testRelease,
    host,
    balancer,
    clock,
    random: seededRandom(1),
    onNotice: (notice) => notices.push(notice),
    onStatus: (status) => status.instances.forEach(({ id, state }) => seen.add(`${id} ${state}`)),
    ...options,
  })
  return { clock, host, balancer, supervisor, notices, seen }
}

async function started(running: Stage): Promise<Stage> {
  const start = running.supervisor.start()
  await running.clock.advance('1s')
  await start
  return running
}

function states(status: ServiceStatus): readonly string[] {
  return status.instances.map(({ id, state }) => `${id} ${state}`)
}

describe('the service supervisor', () => {
  test('starts what is desired and lists it when it is ready', async () => {
    const { host, balancer, supervisor } = await started(stage())
    expect(states(supervisor.status())).toEqual(['api-1 ready', 'api-2 ready'])
    expect(supervisor.status().release).toBe(testRelease.id)
    expect(host.running).toEqual(['api-1', 'api-2'])
    expect(balancer.ids).toEqual(['api-1', 'api-2'])
  })

  test('lists nobody who is not ready', async () => {
    const { clock, balancer, supervisor } = stage((id) => ({ readyAfterMs: id === 'api-2' ? 5_000 : 100 }))
    const start = supervisor.start()
    await clock.advance('1s')
    expect(balancer.ids).toEqual(['api-1'])
    expect(states(supervisor.status())).toEqual(['api-1 ready', 'api-2 starting'])
    await clock.advance('5s')
    await start
    expect(balancer.ids).toEqual(['api-1', 'api-2'])
  })

  test('takes a crashed instance out at once and brings it back after its pause', async () => {
    const { clock, host, balancer, supervisor } = await started(stage())
    host.crash('api-1')
    await clock.advance(10)
    expect(balancer.ids).toEqual(['api-2'])
    expect(supervisor.status().instances[0]).toMatchObject({
      state: 'backing-off',
      restarts: 1,
      reason: 'was ended by SIGKILL',
    })
    await clock.advance('1s')
    expect(balancer.ids).toEqual(['api-1', 'api-2'])
    expect(supervisor.status().instances[0]).toMatchObject({ state: 'ready', restarts: 1 })
  })

  test('calls it a crash loop, says so once, and goes on trying', async () => {
    const { clock, host, supervisor, notices } = await started(stage())
    for (const pause of ['5s', '5s', '5s', '5s', '16s', '16s', '16s'] as const) {
      host.crash('api-1', 'exited with code 1: no menu')
      await clock.advance(pause)
    }
    expect(notices.filter(({ level }) => level === 'error')).toEqual([
      expect.objectContaining({ message: 'api-1 fails again and again: exited with code 1: no menu' }),
    ])
    host.crash('api-1')
    await clock.advance(10)
    expect(supervisor.status().instances[0]).toMatchObject({ state: 'crash-looping', restarts: 8 })
    await clock.advance('16s')
    expect(states(supervisor.status())).toEqual(['api-1 ready', 'api-2 ready'])
  })

  test('tries another port at once when the port had been taken, without counting it as a failure of the program', async () => {
    const { clock, host, supervisor } = stage((_id, number) =>
      number <= 2 ? { exitsAfterMs: 5, isPortTaken: true } : {},
    )
    const start = supervisor.start()
    await clock.advance(200)
    await start
    expect(host.starts).toBe(4)
  })

  test('ends the start with the output when a program exits at once', async () => {
    const { clock, host, supervisor } = stage(() => ({
      exitsAfterMs: 20,
      exitReason: 'exited with code 1: bad import',
    }))
    const outcome = supervisor.start().catch((error: unknown) => error)
    await clock.advance('10s')
    expect(await outcome).toMatchObject({
      code: 'TF_SERVICE_NOT_READY',
      message: 'expected api-1 to become ready, but it exited with code 1: bad import',
    })
    expect(host.running).toEqual([])
    expect(clock.pending).toBe(0)
  })

  test('ends the start when an instance never becomes ready', async () => {
    const { clock, supervisor } = stage(() => ({ readyAfterMs: Infinity }))
    const outcome = supervisor.start().catch((error: unknown) => error)
    await clock.advance('11s')
    expect(await outcome).toMatchObject({ code: 'TF_SERVICE_NOT_READY' })
    expect(String(await outcome)).toMatch(/not ready within 10000 ms: port \d+ does not accept/)
  })

  test('ends the start with what the host says when nothing can be started', async () => {
    const failure = new Error('no such program')
    const { clock, supervisor } = stage(() => ({ failure }))
    const outcome = supervisor.start().catch((error: unknown) => error)
    await clock.advance('1s')
    expect(await outcome).toBe(failure)
  })

  test('lets requests in flight end before SIGTERM', async () => {
    const inFlight = Promise.withResolvers<boolean>()
    const running = await started(stage(() => ({}), { drain: () => inFlight.promise }))
    running.supervisor.scale(1)
    await running.clock.advance('5s')
    expect(running.balancer.calls.slice(-2)).toEqual(['publish api-1', 'drained api-2'])
    expect(states(running.supervisor.status())).toEqual(['api-1 ready', 'api-2 draining'])
    expect(running.host.running).toContain('api-2')
    inFlight.resolve(true)
    await running.clock.advance(1)
    expect(running.host.running).toEqual(['api-1'])
    expect(states(running.supervisor.status())).toEqual(['api-1 ready'])
  })

  test('stops an instance whose requests do not end, and says so', async () => {
    const running = await started(
      stage(() => ({}), { drain: () => new Promise(() => undefined), drainTimeoutMs: () => 2_000 }),
    )
    running.supervisor.scale(1)
    await running.clock.advance(1_999)
    expect(running.host.running).toContain('api-2')
    await running.clock.advance(1)
    expect(running.host.running).toEqual(['api-1'])
    expect(running.notices.map(({ message }) => message)).toEqual([
      'api-2 was stopped with requests in flight: they took too long to end',
    ])
  })

  test('kills an instance that ignores SIGTERM, after its stop timeout', async () => {
    const running = await started(stage(() => ({ leavesAfterMs: Infinity })))
    running.supervisor.scale(1)
    await running.clock.advance(4_999)
    expect(running.host.kills).toBe(0)
    expect(states(running.supervisor.status())).toContain('api-2 stopping')
    await running.clock.advance(1)
    expect(running.host.kills).toBe(1)
    expect(running.host.running).toEqual(['api-1'])
  })

  test('never runs more than one process above what is desired while old ones leave', async () => {
    const running = await started(stage(() => ({ leavesAfterMs: 3_000 })))
    for (const desired of [5, 1, 5, 2, 4]) {
      running.supervisor.scale(desired)
      await running.clock.advance('1s')
    }
    await running.clock.advance('20s')
    expect(running.host.runningMax).toBeLessThanOrEqual(6)
    expect(running.host.running).toHaveLength(4)
    expect(running.balancer.ids).toHaveLength(4)
  })

  test('takes an instance out whose health checks fail, and puts it back when they succeed', async () => {
    const { clock, host, balancer, supervisor } = await started(stage())
    host.setHealthy('api-1', false)
    await clock.advance('4s')
    expect(balancer.ids).toEqual(['api-2'])
    expect(supervisor.status().instances[0]?.reason).toBe('/health answered 500')
    host.setHealthy('api-1', true)
    await clock.advance('2s')
    expect(balancer.ids).toEqual(['api-1', 'api-2'])
    expect(host.starts).toBe(2)
  })

  test('restarts an instance whose health checks keep failing', async () => {
    const { clock, host, balancer } = await started(stage())
    host.setHealthy('api-1', false)
    await clock.advance('15s')
    expect(host.starts).toBe(3)
    expect(balancer.ids).toEqual(['api-1', 'api-2'])
  })

  test('asks whether requests have ended only when the balancer sends no new ones', async () => {
    const calls: string[] = []
    const balancer: Balancer = {
      async publish(_service, endpoints) {
        await sleep(running.clock, 50)
        calls.push(`took ${endpoints.map(({ id }) => id).join(',')}`)
      },
      async drained(_service, id) {
        calls.push(`drained ${id}`)
        return true
      },
    }
    const running = stage(() => ({}), { balancer })
    await started(running)
    running.supervisor.scale(1)
    await running.clock.advance('1s')
    expect(calls.slice(-2)).toEqual(['took api-1', 'drained api-2'])
  })

  test('repeats what the balancer did not take', async () => {
    const taken: string[] = []
    let failures = 3
    const balancer: Balancer = {
      async publish(_service, endpoints) {
        if (failures-- > 0) throw new Error('no gateway')
        taken.push(endpoints.map(({ id }) => id).join(','))
      },
      drained: async () => true,
    }
    const running = stage(() => ({}), { balancer })
    const start = running.supervisor.start()
    await running.clock.advance('5s')
    await start
    expect(taken.at(-1)).toBe('api-1,api-2')
    expect(running.notices).toHaveLength(1)
  })

  test('refuses to scale to what is no number of instances', () => {
    const { supervisor } = stage()
    for (const wrong of [-1, 1.5, Number.NaN, 1_001]) {
      expect(() => supervisor.scale(wrong)).toThrow(expect.objectContaining({ code: 'TF_USAGE' }))
    }
  })

  test('stops within its deadline, whatever hangs', async () => {
    const running = await started(
      stage(() => ({ leavesAfterMs: Infinity }), { drain: () => new Promise(() => undefined) }),
    )
    let isStopped = false
    const stop = running.supervisor.stop(4_000).then(() => (isStopped = true))
    await running.clock.advance(3_999)
    expect(isStopped).toBe(false)
    await running.clock.advance(1)
    await stop
    expect(running.host.running).toEqual([])
    expect(running.clock.pending).toBe(0)
  })

  test('is hastened by a second stop', async () => {
    const running = await started(
      stage(() => ({ leavesAfterMs: Infinity }), { drain: () => new Promise(() => undefined) }),
    )
    const stop = running.supervisor.stop(60_000)
    await running.clock.advance(100)
    await Promise.all([running.supervisor.stop(0), running.clock.advance(10)])
    await stop
    expect(running.host.running).toEqual([])
    expect(running.clock.pending).toBe(0)
  })

  test('rejects a start that is stopped, with TF_ABORTED', async () => {
    const { clock, supervisor } = stage()
    const outcome = supervisor.start().catch((error: unknown) => error)
    await clock.advance(10)
    await Promise.all([supervisor.stop(), clock.advance(10)])
    expect(hasCode(await outcome, 'TF_ABORTED')).toBe(true)
  })

  test('converges whatever happens, and never sends requests to an instance that leaves', async () => {
    const act = fc.oneof(
      fc.record({ kind: fc.constant('scale' as const), desired: fc.nat(6) }),
      fc.record({ kind: fc.constant('crash' as const), number: fc.integer({ min: 1, max: 6 }) }),
      fc.record({ kind: fc.constant('sick' as const), number: fc.integer({ min: 1, max: 6 }) }),
      fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(3_000) }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(act, { maxLength: 25 }), fc.integer(), async (acts, seed) => {
        const random = seededRandom(seed)
        const running = stage(() => ({ readyAfterMs: random.integer(400), leavesAfterMs: random.integer(6_000) }))
        const { clock, host, balancer, supervisor } = await started(running)
        let desired = 2
        let desiredMax = 2
        for (const step of acts) {
          if (step.kind === 'scale') {
            desired = step.desired
            desiredMax = Math.max(desiredMax, desired)
            supervisor.scale(desired)
          } else if (step.kind === 'crash') host.crash(`api-${step.number}`)
          else if (step.kind === 'sick') host.setHealthy(`api-${step.number}`, false)
          else await clock.advance(step.ms)
          await clock.advance(1)
          const leaving = supervisor
            .status()
            .instances.filter(({ state }) => state === 'draining' || state === 'stopping')
          for (const { id } of leaving) expect(balancer.ids).not.toContain(id)
          expect(host.running.length).toBeLessThanOrEqual(desiredMax + 1)
        }
        await clock.advance('3m')
        expect(host.running).toHaveLength(desired)
        expect([...balancer.ids].sort()).toEqual([...host.running].sort())
        await Promise.all([supervisor.stop(), clock.advance('20s')])
        expect(host.running).toEqual([])
        expect(clock.pending).toBe(0)
      }),
      { numRuns: 60 },
    )
  })
})

describe('the life of a service supervisor', () => {
  const stages = new Map<object, { host: SimulatedHost; timers: Set<object>; balancer: RememberingBalancer }>()
  const harness: ComponentHarness = {
    abilities: ['restart'],
    startMsTypical: 40,
    create() {
      const timers = new Set<object>()
      const clock = countingClock(timers)
      const host = simulatedHost(clock, () => ({ readyAfterMs: 20, leavesAfterMs: 5 }))
      const balancer = rememberingBalancer()
      const supervisor = createServiceSupervisor({
        service: testService(),
        release: testRelease,
        host,
        balancer,
        clock,
      })
      stages.set(supervisor, { host, timers, balancer })
      return supervisor
    },
    remains(component) {
      const { host, timers } = stages.get(component)!
      return [...host.running, ...[...timers].map(() => 'a timer')]
    },
    isWorking: (component) => stages.get(component)!.balancer.ids.length === 2,
  }
  test.each(componentCases.map((one) => [one.name, one] as const))('%s', async (_name, { run }) => {
    await run(harness)
  })
})

/** The machine's clock, with the timers that wait in a set. */
function countingClock(timers: Set<object>): Clock {
  return {
    ...systemClock,
    schedule(delayMs, callback) {
      const timer = {}
      timers.add(timer)
      const cancel = systemClock.schedule(delayMs, () => {
        timers.delete(timer)
        callback()
      })
      return () => {
        timers.delete(timer)
        cancel()
      }
    },
  }
}
