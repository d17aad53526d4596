import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { seededRandom } from '../../src/core/random.ts'
import type { InstanceRequest } from '../../src/fleet/instance-host.ts'
import type { Revision } from '../../src/fleet/revision.ts'
import type { ServiceSupervisor } from '../../src/fleet/service-supervisor.ts'
import { createServiceSupervisor } from '../../src/fleet/service-supervisor.ts'
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
  /** Release of what each instance id runs. */
  readonly releases: ReadonlyMap<string, string>
}

const NEW: Revision = { service: testService({ env: {} }), release: { ...testRelease, id: 'new' } }
const NEWER: Revision = { service: testService({ env: {} }), release: { ...testRelease, id: 'newer' } }

async function started(
  options: { desired?: number; program?: (request: InstanceRequest) => SimulatedProgram } = {},
): Promise<Stage> {
  const clock = virtualClock()
  const releases = new Map<string, string>()
  const host = simulatedHost(clock, (request) => {
    releases.set(request.id, request.release.id)
    return options.program?.(request) ?? {}
  })
  const balancer = rememberingBalancer()
  const supervisor = createServiceSupervisor({
    service: testService(),
    release: testRelease,
    host,
    balancer,
    clock,
    random: seededRandom(1),
    ...(options.desired === undefined ? {} : { desired: options.desired }),
  })
  const start = supervisor.start()
  await clock.advance('2s')
  await start
  return { clock, host, balancer, supervisor, releases }
}

function serving({ balancer, releases }: Stage): readonly (string | undefined)[] {
  return balancer.ids.map((id) => releases.get(id))
}

const failing = ({ release }: InstanceRequest): SimulatedProgram =>
  release.id === 'new' ? { exitsAfterMs: 20, exitReason: 'exited with code 1: SyntaxError' } : {}

describe('a rollout', () => {
  test('replaces one after the other, and the balancer never has fewer than desired', async () => {
    const stage = await started({ desired: 3 })
    const counts = new Set<number>()
    const rollout = stage.supervisor.replace(NEW)
    for (let look = 0; look < 200; look++) {
      counts.add(stage.balancer.ids.length)
      await stage.clock.advance(10)
    }
    await rollout
    expect([...counts]).toEqual([3])
    expect(serving(stage)).toEqual(['new', 'new', 'new'])
    expect(stage.host.runningMax).toBeLessThanOrEqual(4)
    expect(stage.supervisor.status().release).toBe('new')
    expect(stage.supervisor.revision).toBe(NEW)
  })

  test('starts as many at once as the surge allows', async () => {
    const stage = await started({ desired: 3 })
    const rollout = stage.supervisor.replace(NEW, { surge: 3 })
    await stage.clock.advance(50)
    expect(stage.host.running).toHaveLength(6)
    await stage.clock.advance('1s')
    await rollout
    expect(serving(stage)).toEqual(['new', 'new', 'new'])
  })

  test('without room for two, the old leaves first', async () => {
    const stage = await started({ desired: 1 })
    const rollout = stage.supervisor.replace(NEW, { surge: 0 })
    await stage.clock.advance('1s')
    await rollout
    expect(stage.host.runningMax).toBe(1)
    expect(serving(stage)).toEqual(['new'])
  })

  test('goes back when new ones fail, and the old never stop serving', async () => {
    const stage = await started({ program: failing })
    const outcome = stage.supervisor.replace(NEW).catch((error: unknown) => error)
    await stage.clock.advance('5s')
    expect(await outcome).toMatchObject({
      code: 'TF_ROLLOUT_FAILED',
      message: expect.stringMatching(/^expected the new api to run, but it was rolled back: .*SyntaxError/),
    })
    expect(serving(stage)).toEqual([testRelease.id, testRelease.id])
    expect(stage.balancer.calls.filter((call) => call.startsWith('publish')).length).toBeLessThanOrEqual(2)
    expect(stage.supervisor.status()).toMatchObject({ release: testRelease.id })
    expect(await stage.supervisor.settled(0)).toBe(true)
  })

  test('goes back at the first failure where that is asked for', async () => {
    const stage = await started({ program: failing })
    const outcome = stage.supervisor.replace(NEW, { attempts: 1 }).catch((error: unknown) => error)
    await stage.clock.advance(60)
    expect(await outcome).toMatchObject({ code: 'TF_ROLLOUT_FAILED' })
  })

  test('brings back what it had replaced already', async () => {
    let isBroken = false
    const stage = await started({
      desired: 3,
      program: ({ release }) => (release.id === 'new' && isBroken ? { exitsAfterMs: 5 } : {}),
    })
    const outcome = stage.supervisor.replace(NEW, { attempts: 1 }).catch((error: unknown) => error)
    await stage.clock.advance(220)
    expect(serving(stage).filter((release) => release === 'new')).not.toEqual([])
    isBroken = true
    await stage.clock.advance('5s')
    expect(await outcome).toMatchObject({ code: 'TF_ROLLOUT_FAILED' })
    expect(serving(stage)).toEqual([testRelease.id, testRelease.id, testRelease.id])
    expect(stage.host.runningMax).toBeLessThanOrEqual(4)
  })

  test('goes back when it never becomes ready in time', async () => {
    const stage = await started({ program: ({ release }) => (release.id === 'new' ? { readyAfterMs: Infinity } : {}) })
    const outcome = stage.supervisor.replace(NEW).catch((error: unknown) => error)
    await stage.clock.advance('11s')
    expect(await outcome).toMatchObject({ code: 'TF_ROLLOUT_FAILED' })
    expect(serving(stage)).toEqual([testRelease.id, testRelease.id])
  })

  test('goes back when it is cancelled', async () => {
    const stage = await started()
    const cancelling = new AbortController()
    const outcome = stage.supervisor.replace(NEW, { signal: cancelling.signal }).catch((error: unknown) => error)
    await stage.clock.advance(50)
    cancelling.abort()
    await stage.clock.advance('1s')
    expect(await outcome).toMatchObject({ code: 'TF_ABORTED' })
    expect(serving(stage)).toEqual([testRelease.id, testRelease.id])
  })

  test('gives way to a later one', async () => {
    const stage = await started({ program: ({ release }) => (release.id === 'new' ? { readyAfterMs: Infinity } : {}) })
    const first = stage.supervisor.replace(NEW).catch((error: unknown) => error)
    await stage.clock.advance(50)
    const second = stage.supervisor.replace(NEWER)
    await stage.clock.advance('2s')
    await second
    expect(await first).toMatchObject({ code: 'TF_ABORTED' })
    expect(serving(stage)).toEqual(['newer', 'newer'])
  })

  test('is refused while the first instances are still on their way', async () => {
    const clock = virtualClock()
    const host = simulatedHost(clock)
    const supervisor = createServiceSupervisor({
      service: testService(),
      release: testRelease,
      host,
      balancer: rememberingBalancer(),
      clock,
    })
    const start = supervisor.start()
    await expect(supervisor.replace(NEW)).rejects.toMatchObject({ code: 'TF_ABORTED' })
    await clock.advance('1s')
    await start
  })

  test('ends with the service', async () => {
    const stage = await started()
    const outcome = stage.supervisor.replace(NEW).catch((error: unknown) => error)
    const stop = stage.supervisor.stop()
    await stage.clock.advance('1s')
    await stop
    expect(await outcome).toMatchObject({ code: 'TF_ABORTED' })
    expect(stage.host.running).toEqual([])
  })

  test('survives any mixture of crashes, scalings and rollouts: it ends with what was asked for last', async () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('scale' as const), count: fc.integer({ min: 1, max: 4 }) }),
      fc.record({ kind: fc.constant('crash' as const), number: fc.integer({ min: 1, max: 5 }) }),
      fc.record({ kind: fc.constant('replace' as const), surge: fc.integer({ min: 0, max: 3 }) }),
      fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 400 }) }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const stage = await started()
        let last = stage.supervisor.revision
        for (const [index, each] of steps.entries()) {
          if (each.kind === 'scale') stage.supervisor.scale(each.count)
          else if (each.kind === 'crash') stage.host.crash(`api-${each.number}`)
          else if (each.kind === 'wait') await stage.clock.advance(each.ms)
          else {
            last = { service: testService(), release: { ...testRelease, id: `r${index}` } }
            void stage.supervisor.replace(last, { surge: each.surge, attempts: 100 }).catch(() => undefined)
          }
        }
        await stage.clock.advance('10m')
        const { desired } = stage.supervisor.status()
        expect(serving(stage)).toEqual(Array.from({ length: desired }, () => last.release.id))
        expect(stage.host.running).toHaveLength(desired)
      }),
      { numRuns: 60 },
    )
  })
})

describe('a canary', () => {
  const MATCH = { key: { header: 'x-canary' }, value: '1' }

  /** A replacement whose canary passes, or fails, when it is told to. */
  function tried(stage: Stage, share = 0.25) {
    const verdict = Promise.withResolvers<void>()
    const signals: AbortSignal[] = []
    const outcome = stage.supervisor
      .replace(NEW, { canary: { share, match: MATCH, hold: (signal) => (signals.push(signal), verdict.promise) } })
      .then(
        () => 'replaced',
        (error: unknown) => error,
      )
    return { outcome, verdict, signals }
  }

  test('runs beside all the others and gets its share, until it has passed; then the others are replaced', async () => {
    const stage = await started({ desired: 3 })
    const { outcome, verdict, signals } = tried(stage)
    await stage.clock.advance('1m')
    expect(serving(stage)).toEqual([testRelease.id, testRelease.id, testRelease.id, 'new'])
    expect(stage.balancer.endpoints.map(({ weight, isCanary }) => [weight, isCanary])).toEqual([
      ...Array.from({ length: 3 }, () => [undefined, undefined]),
      [1, true],
    ])
    expect(stage.balancer.endpoints.map(({ match }) => match)).toEqual([undefined, undefined, undefined, MATCH])
    expect(stage.supervisor.status()).toMatchObject({ release: testRelease.id, instances: { 3: { release: 'new' } } })
    verdict.resolve()
    await stage.clock.advance('2s')
    expect(await outcome).toBe('replaced')
    expect(serving(stage)).toEqual(['new', 'new', 'new'])
    expect(stage.balancer.endpoints.some(({ weight, isCanary }) => weight !== undefined || isCanary)).toBe(false)
    expect(signals[0]?.aborted).toBe(true)
  })

  test('leaves when it does not pass, and the old have never been fewer', async () => {
    const stage = await started({ desired: 3 })
    const { outcome, verdict } = tried(stage)
    await stage.clock.advance('1s')
    verdict.reject(new Error('12 of 240 requests failed'))
    await stage.clock.advance('1s')
    expect(await outcome).toMatchObject({
      code: 'TF_ROLLOUT_FAILED',
      message: expect.stringContaining('rolled back: 12 of 240'),
    })
    expect(serving(stage)).toEqual([testRelease.id, testRelease.id, testRelease.id])
    expect(stage.host.running).toHaveLength(3)
    expect(stage.supervisor.revision.release.id).toBe(testRelease.id)
  })

  test('that crashes before it is ready is never held, and the old go on', async () => {
    const stage = await started({ program: failing })
    const { outcome, signals } = tried(stage)
    await stage.clock.advance('10s')
    expect(await outcome).toMatchObject({ code: 'TF_ROLLOUT_FAILED', message: expect.stringContaining('SyntaxError') })
    expect(signals).toEqual([])
    expect(serving(stage)).toEqual([testRelease.id, testRelease.id])
  })

  test('that crashes again and again while it is held goes back', async () => {
    const stage = await started({
      program: ({ release }) => (release.id === 'new' ? { exitsAfterMs: 500, exitReason: 'exited with code 9' } : {}),
    })
    const { outcome, signals } = tried(stage)
    await stage.clock.advance('20s')
    expect(await outcome).toMatchObject({ message: expect.stringContaining('exited with code 9') })
    expect(signals[0]?.aborted).toBe(true)
    expect(serving(stage)).toEqual([testRelease.id, testRelease.id])
  })

  test('does not keep an old one that crashes from being started again as it was', async () => {
    const stage = await started({ desired: 2 })
    const { verdict, outcome } = tried(stage)
    await stage.clock.advance('1s')
    for (let crash = 0; crash < 4; crash++) {
      stage.host.crash('api-1')
      await stage.clock.advance('1m')
    }
    expect(serving(stage)).toEqual([testRelease.id, testRelease.id, 'new'])
    stage.supervisor.scale(4)
    await stage.clock.advance('1s')
    expect(serving(stage).filter((release) => release === 'new')).toHaveLength(1)
    expect(serving(stage)).toHaveLength(5)
    verdict.resolve()
    await stage.clock.advance('5s')
    expect(await outcome).toBe('replaced')
    expect(serving(stage)).toEqual(['new', 'new', 'new', 'new'])
  })

  test('gives way to a later replacement, a cancellation and the end of the service', async () => {
    for (const end of ['replace', 'cancel', 'stop'] as const) {
      const stage = await started()
      const cancelling = new AbortController()
      const canary = { share: 0.5, hold: () => new Promise<void>(() => undefined) }
      const outcome = stage.supervisor
        .replace(NEW, { canary, signal: cancelling.signal })
        .catch((error: unknown) => error)
      await stage.clock.advance('1s')
      if (end === 'replace') void stage.supervisor.replace(NEWER)
      if (end === 'cancel') cancelling.abort()
      if (end === 'stop') void stage.supervisor.stop()
      await stage.clock.advance('2s')
      expect(await outcome).toMatchObject({ code: 'TF_ABORTED' })
      const expected = { replace: 'newer', cancel: testRelease.id, stop: undefined }[end]
      expect(serving(stage)).toEqual(expected === undefined ? [] : [expected, expected])
    }
  })
})
