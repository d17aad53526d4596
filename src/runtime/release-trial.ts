import type { ResolvedService } from '../blueprint/resolved-blueprint.ts'
import { kindOfService } from '../blueprint/service-kind.ts'
import type { MetricFrame } from '../control/metric-frame.ts'
import type { ReleasingStatus } from '../control/snapshot.ts'
import type { CanaryOptions } from '../fleet/canary.ts'
import { rolledBack } from '../fleet/rollout.ts'
import type { ReleaseVerdict } from '../objectives/release-verdict.ts'
import type { ApplyOptions } from './apply-takeover.ts'
import type { PartsContext } from './parts-context.ts'
import type { ReleaseRequest } from './releaser.ts'
import type { WatchedService } from './release-watch.ts'
import { watchRelease } from './release-watch.ts'

/** What was served so long before a release is what it is compared with. */
const BEFORE_MS = 60_000
const WATCH_MS_DEFAULT = 30_000

/** One release on probation: as canary, and when all instances run it. */
export class ReleaseTrial {
  readonly #context: PartsContext
  readonly #request: ReleaseRequest
  readonly #releaseOf: (service: string) => string
  readonly #signal: AbortSignal
  readonly #before: readonly MetricFrame[]

  constructor(
    context: PartsContext,
    request: ReleaseRequest,
    releaseOf: (service: string) => string,
    signal: AbortSignal,
  ) {
    this.#context = context
    this.#request = request
    this.#releaseOf = releaseOf
    this.#signal = signal
    this.#before = context.frames.since(context.clock.epochMs() - BEFORE_MS)
  }

  /** What a takeover does on its behalf. */
  options(): Pick<ApplyOptions, 'canary' | 'watch'> {
    return { canary: (service) => this.#canary(service), watch: (services) => this.#watch(services) }
  }

  #canary({ name }: ResolvedService): CanaryOptions | undefined {
    const { canary } = this.#request
    if (canary === undefined) return undefined
    const { share, holdMs, match } = canary
    return {
      share,
      match,
      hold: async (signal) => {
        const burning = await this.#probation(
          [name],
          { phase: 'canary', share, ...(match === undefined ? {} : { match }) },
          holdMs,
          signal,
        )
        if (burning !== undefined) throw new Error(burning[1].reason)
      },
    }
  }

  async #watch(names: readonly string[]): Promise<void> {
    const { services, objectives } = this.#context.blueprint
    const { watchMs } = this.#request
    const servers = names.filter((name) => kindOfService(services[name]!) === 'server')
    const watched = watchMs === undefined ? servers.filter((name) => objectives[name] !== undefined) : servers
    if (watched.length === 0 || watchMs === 0) return
    const burning = await this.#probation(watched, { phase: 'watched' }, watchMs ?? WATCH_MS_DEFAULT, this.#signal)
    if (burning !== undefined) throw rolledBack(burning[0], new Error(burning[1].reason))
  }

  /** Gives the first one that burns. */
  async #probation(
    names: readonly string[],
    phase: Pick<ReleasingStatus, 'phase' | 'share' | 'match'>,
    durationMs: number,
    signal: AbortSignal,
  ): Promise<readonly [service: string, verdict: ReleaseVerdict] | undefined> {
    const { clock, frames } = this.#context
    const untilEpochMs = clock.epochMs() + durationMs
    this.#show(names, (name) => ({ ...phase, release: this.#releaseOf(name), untilEpochMs }))
    try {
      const services = names.map((name) => this.#watched(name, phase.phase === 'canary'))
      const verdicts = await watchRelease({ services, frames, before: this.#before, durationMs, clock, signal })
      signal.throwIfAborted()
      for (const [name, verdict] of verdicts) this.#tell(name, verdict)
      return [...verdicts].find(([, { state }]) => state === 'burns')
    } finally {
      this.#show(names, () => undefined)
    }
  }

  #tell(name: string, { state, reason }: ReleaseVerdict): void {
    if (state === 'holds') return
    const release = `release ${this.#releaseOf(name).slice(0, 8)} of ${name}`
    this.#context.notice(
      state === 'burns'
        ? { level: 'error', message: `${release} was rolled back: ${reason}`, hint: 'see tenfold release --list' }
        : { level: 'info', message: `${release} went on unjudged: ${reason}` },
    )
  }

  #watched(service: string, isCanary: boolean): WatchedService {
    const release = this.#releaseOf(service)
    return {
      service,
      isCanary,
      objective: this.#context.blueprint.objectives[service],
      instances: () => {
        const status = this.#context.snapshots.current().services[service]
        return (status?.instances ?? [])
          .filter((instance) => (instance.release ?? status?.release) === release)
          .map(({ id }) => id)
      },
    }
  }

  #show(names: readonly string[], releasingOf: (name: string) => ReleasingStatus | undefined): void {
    this.#context.change((snapshot) => {
      const services = { ...snapshot.services }
      for (const name of names) {
        const { releasing: _former, ...status } = services[name]!
        const releasing = releasingOf(name)
        services[name] = releasing === undefined ? status : { ...status, releasing }
      }
      return { ...snapshot, services }
    })
  }
}
