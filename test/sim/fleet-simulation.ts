import { capsOf } from '../../src/autoscaler/caps.ts'
import type { ScalingDecision } from '../../src/autoscaler/autoscaler.ts'
import { createAutoscaler } from '../../src/autoscaler/autoscaler.ts'
import { WARM_UP } from '../../src/autoscaler/group-instances.ts'
import { readSignal } from '../../src/autoscaler/read-signal.ts'
import type { ResolvedScale } from '../../src/blueprint/resolved-scale.ts'
import type { MetricFrame } from '../../src/control/metric-frame.ts'
import type { Random } from '../../src/core/random.ts'
import { seededRandom } from '../../src/core/random.ts'
import type { ServiceSupervisor } from '../../src/fleet/service-supervisor.ts'
import { createServiceSupervisor } from '../../src/fleet/service-supervisor.ts'
import type { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'
import { testRelease, testService } from '../fleet/test-service.ts'
import { createFleetCheckers } from './fleet-checkers.ts'
import type { SimulatedProcesses } from './simulated-processes.ts'
import { createSimulatedProcesses } from './simulated-processes.ts'
import type { SimulatedTraffic } from './simulated-traffic.ts'
import { createSimulatedTraffic } from './simulated-traffic.ts'

/** What happened for one seed. */
export interface FleetStory {
  readonly log: readonly string[]
  /** What the checkers found; empty: nothing. */
  readonly defects: readonly string[]
  readonly figures: Readonly<Record<string, number>>
}

/** The first start is left alone: one that fails is the end of an `up`. */
const STARTED_MS = 20_000
/** Crashes, hangs and waves until then; afterwards nothing but a steady load. */
export const DISTURBED_MS = 270_000
export const STORY_MS = 510_000
const TICK_MS = 200
const NAME = 'api'

/** What the seed decides before anything runs. */
export interface FleetSetting {
  readonly scale: ResolvedScale
  readonly min: number
  readonly max: number
  readonly cpu: number
  readonly cores: number
  /** Requests a second, of the quiet end. */
  readonly steadyRate: number
}

/**
 * Four minutes of trouble and four of peace for one service, with the real supervisor, balancer, ejection, queue and
 * autoscaler on a virtual clock. Everything by chance comes from the seed.
 *
 * @example (await simulateFleet(7)).defects // []
 */
export async function simulateFleet(seed: number): Promise<FleetStory> {
  return new FleetRun(seed).run()
}

/** The signals that are tried, with about 6 requests a second and instance as the target. */
const TARGETS = { cpu: 0.25, inflight: 1.5, arrivals: 6 } as const

function settingOf(random: Random): FleetSetting {
  const metric = random.pick(['cpu', 'inflight', 'arrivals'] as const)
  const min = 1 + random.integer(3)
  return {
    scale: {
      metric,
      target: TARGETS[metric],
      tolerance: { out: random.pick([0, 0.1, 0.2]), in: random.pick([0.1, 0.3]) },
      stabilisationMs: { out: random.pick([0, 30_000]), in: 60_000 },
    },
    min,
    max: min + 3 + random.integer(5),
    cpu: 1,
    cores: 3 + random.integer(8),
    steadyRate: 2 + random.integer(35),
  }
}

class FleetRun {
  readonly #clock: VirtualClock = virtualClock()
  readonly #random: Random
  readonly #setting: FleetSetting
  readonly #log: string[] = []
  readonly #frames: MetricFrame[] = []
  readonly #processes: SimulatedProcesses
  readonly #traffic: SimulatedTraffic
  readonly #supervisor: ServiceSupervisor
  readonly #checkers
  #ratePerSecond = 5
  #due = 0
  #decisions = 0

  constructor(seed: number) {
    this.#random = seededRandom(seed)
    this.#setting = settingOf(this.#random.fork('setting'))
    this.#checkers = createFleetCheckers(this.#setting, this.#clock)
    this.#processes = createSimulatedProcesses({
      clock: this.#clock,
      random: this.#random.fork('processes'),
      isDisturbed: () => this.#isDisturbed(),
      onStop: ({ id, port }) => {
        const inFlight = this.#traffic.inFlightOf(port)
        this.#say(`stop ${id} with ${inFlight} in flight`)
        this.#checkers.stopped(id, inFlight)
      },
    })
    this.#traffic = createSimulatedTraffic({
      service: NAME,
      clock: this.#clock,
      random: this.#random.fork('traffic'),
      processes: this.#processes,
      onHealth: (change, upstreams) => {
        this.#say(
          change.kind === 'panic' ? `panic ${change.isPanic}` : `${change.kind} ${change.instance.id} ${change.reason}`,
        )
        this.#checkers.healthChanged(change, upstreams)
      },
      onFailed: (id, why) => {
        this.#say(`failed ${id ?? 'nowhere'}: ${why}`)
        this.#checkers.failed(why)
      },
      onSent: (upstream) => this.#checkers.sent(upstream, this.#traffic.upstreams),
    })
    const { min, max, cpu } = this.#setting
    this.#supervisor = createServiceSupervisor({
      service: testService({
        name: NAME,
        instances: { min, desired: min, max },
        resources: { cpu, memoryBytes: undefined },
        startTimeoutMs: 20_000,
      }),
      release: testRelease,
      host: this.#processes.host,
      balancer: this.#traffic.balancer,
      clock: this.#clock,
      random: this.#random.fork('fleet'),
      restartAfterProbes: 5,
      startsAtOnce: 1,
    })
  }

  async run(): Promise<FleetStory> {
    const autoscaler = this.#autoscaler()
    const starting = this.#supervisor.start()
    const cancels = [this.#clock.every(TICK_MS, () => this.#tick()), this.#clock.every(1_000, () => this.#measure())]
    this.#disturbLater()
    await autoscaler.start()
    await this.#clock.advance(DISTURBED_MS)
    this.#calm()
    await this.#clock.advance(STORY_MS - DISTURBED_MS)
    this.#say(`end ${this.#supervisor.status().desired} instances`)
    this.#checkers.ended(this.#supervisor.status(), this.#traffic)
    await autoscaler.stop()
    this.#ratePerSecond = 0
    const stopped = this.#supervisor.stop(30_000)
    await this.#clock.advance('40s')
    await Promise.all([stopped, starting])
    for (const cancel of cancels) cancel()
    await this.#traffic.close()
    if (this.#processes.alive().length > 0) this.#checkers.found('processes are left after the stop')
    const { arrived, answered, failed } = this.#traffic.counts
    return {
      log: this.#log,
      defects: this.#checkers.defects,
      figures: { arrived, answered, failed, starts: this.#processes.control.starts, decisions: this.#decisions },
    }
  }

  #autoscaler(): ReturnType<typeof createAutoscaler> {
    const { scale, min, max, cpu, cores } = this.#setting
    const service = testService({ name: NAME, resources: { cpu, memoryBytes: undefined } })
    return createAutoscaler({
      services: () => [{ name: NAME, scale, min, max, current: this.#supervisor.status().desired }],
      measure: () =>
        readSignal({
          service: NAME,
          scale,
          instances: this.#supervisor.status().instances,
          cpuLimit: cpu,
          frames: this.#frames,
          nowEpochMs: this.#clock.epochMs(),
          warmUp: WARM_UP,
        }),
      caps: () =>
        capsOf(NAME, { services: { [NAME]: service }, databases: {} }, {}, { cores, memoryBytes: 0, connections: {} }),
      scale: (_name, count) => this.#supervisor.scale(count),
      onDecision: (decision) => this.#decided(decision),
      clock: this.#clock,
    })
  }

  #decided(decision: ScalingDecision): void {
    this.#decisions += 1
    const { from, desired, reason, value } = decision
    if (from !== desired) this.#say(`scale ${from} → ${desired} (${value ?? '-'}: ${reason})`)
    this.#checkers.decided(decision)
  }

  #isDisturbed(): boolean {
    return this.#clock.nowMs() > STARTED_MS && this.#clock.nowMs() < DISTURBED_MS
  }

  /** The load of a tick: by chance while there is trouble, evenly afterwards. */
  #tick(): void {
    this.#traffic.sweep()
    const mean = (this.#ratePerSecond * TICK_MS) / 1_000
    this.#due += this.#isDisturbed() ? mean * this.#random.exponential(1) : mean
    for (; this.#due >= 1; this.#due--) this.#traffic.arrive()
  }

  #measure(): void {
    const atEpochMs = this.#clock.epochMs()
    this.#frames.push(this.#traffic.frame())
    for (const server of this.#processes.alive()) {
      const labels = { service: NAME, instance: server.id }
      const samples = [{ name: 'process.cpu.time', labels, value: server.cpuMs / 1_000 }]
      this.#frames.push({ atEpochMs, source: `instance/${server.id}`, samples })
      server.cpuMs = 0
    }
    while (this.#frames[0]!.atEpochMs < atEpochMs - 15_000) this.#frames.shift()
  }

  /** One trouble after the other, some 3 to 20 s apart. */
  #disturbLater(): void {
    const random = this.#random.fork('trouble')
    const next = (): void => {
      if (!this.#isDisturbed()) return
      this.#disturb(random)
      this.#clock.schedule(3_000 + random.exponential(7_000), next)
    }
    this.#clock.schedule(STARTED_MS + 1, next)
  }

  #disturb(random: Random): void {
    const kind = random.pick(['wave', 'wave', 'crash', 'hang', 'flap', 'bad'] as const)
    if (kind === 'wave') {
      this.#ratePerSecond = 1 + random.integer(40)
      return this.#say(`load ${this.#ratePerSecond}/s`)
    }
    const alive = this.#processes.alive()
    if (alive.length === 0) return
    const server = random.pick(alive)
    this.#say(`${kind} ${server.id}`)
    if (kind === 'crash') return this.#processes.control.crash(server.id)
    if (kind === 'hang') server.isHung = true
    if (kind === 'bad') server.badShare = 0.9
    if (kind !== 'bad') this.#processes.control.setHealthy(server.id, false)
    this.#clock.schedule(kind === 'flap' ? 500 + random.exponential(3_000) : random.exponential(20_000), () => {
      server.isHung = false
      server.badShare = 0
      this.#processes.control.setHealthy(server.id, true)
    })
  }

  #calm(): void {
    for (const server of this.#processes.alive()) {
      server.isHung = false
      server.badShare = 0
      this.#processes.control.setHealthy(server.id, true)
    }
    this.#ratePerSecond = this.#setting.steadyRate
    this.#say(`calm at ${this.#ratePerSecond}/s`)
  }

  #say(text: string): void {
    this.#log.push(`${(this.#clock.nowMs() / 1_000).toFixed(3)} ${text}`)
  }
}
