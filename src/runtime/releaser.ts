import type { ResolvedService } from '../blueprint/resolved-blueprint.ts'
import type { RequestMatch } from '../blueprint/resolved-traffic.ts'
import { didYouMean } from '../core/did-you-mean.ts'
import { TenfoldError } from '../core/errors.ts'
import { uniqueId } from '../core/random.ts'
import type { Release } from '../fleet/release.ts'
import type { FileRelease } from '../fleet/file-releases.ts'
import { formerRelease, lastReleased, withServices } from '../fleet/release-history.ts'
import { isFiles } from '../blueprint/service-kind.ts'
import type { Applier } from './apply.ts'
import type { ApplyPlan } from './apply-plan.ts'
import { changesOf, refuseIfNeeded, releaseOf, replacedServices } from './apply-plan.ts'
import type { ApplierParts, ApplyOptions } from './apply-takeover.ts'
import { Takeover } from './apply-takeover.ts'
import type { PartsContext } from './parts-context.ts'
import { ReleaseTrial } from './release-trial.ts'
import { findRelease, takeFiles, takeRelease } from './system-code.ts'

/** Brings new releases of services into a running system, and former ones back. One at a time. */
export interface Releaser {
  /**
   * Takes a release of the sources as they are now and replaces the instances of services by instances of it; the
   * blueprint stays. When it fails, or burns while it is tried or watched, what ran before goes on. Waits for an `apply`
   * that is under way.
   *
   * @throws TF_RELEASE_UNDER_WAY; TF_USAGE for a service that is not there; TF_ROLLOUT_FAILED; what taking a release throws
   */
  release(request: ReleaseRequest, signal: AbortSignal): Promise<ReleaseOutcome>
  /**
   * Goes back to the release that ran before, or to a named one. Ends a release that is under way, which is the same.
   *
   * @throws TF_RELEASE_UNDER_WAY when another rollback is; TF_RELEASE_UNKNOWN; TF_USAGE; TF_ROLLOUT_FAILED
   */
  rollback(request: RollbackRequest, signal: AbortSignal): Promise<ReleaseOutcome>
}

/** @see Releaser.release */
export interface ReleaseRequest {
  /** Those that get it; none: all. */
  readonly services: readonly string[]
  /** What is tried first, one service after the other. @default nothing */
  readonly canary?:
    | { readonly share: number; readonly holdMs: number; readonly match?: RequestMatch | undefined }
    | undefined
  /** How long it is watched when all instances run it. @default 30,000 of services with an objective, else 0 */
  readonly watchMs?: number | undefined
}

/** @see Releaser.rollback */
export interface RollbackRequest {
  /** Those that go back; none: all that the last release changed. */
  readonly services: readonly string[]
  /** The first digits of the release to go to. @default the one before */
  readonly to?: string | undefined
}

/** What services run now. */
export interface ReleaseOutcome {
  /** Those that were changed; none when all ran it already. */
  readonly services: readonly { readonly service: string; readonly release: string; readonly before: string }[]
  /** Whether a rollback did no more than end a release that was under way. @default false */
  readonly hasEndedRelease?: boolean
}

/** The releaser of a system that has started. */
export function createReleaser(context: PartsContext, parts: ApplierParts, applier: Applier): Releaser {
  return new SerialReleaser(context, parts, applier)
}

interface UnderWay {
  readonly what: 'release' | 'rollback'
  readonly ending: AbortController
  /** Settles when it has ended, gone back or not. Never rejects. */
  ended: Promise<ReleaseOutcome | undefined>
}

class SerialReleaser implements Releaser {
  readonly #context: PartsContext
  readonly #parts: ApplierParts
  readonly #applier: Applier
  #underWay: UnderWay | undefined

  constructor(context: PartsContext, parts: ApplierParts, applier: Applier) {
    this.#context = context
    this.#parts = parts
    this.#applier = applier
  }

  release(request: ReleaseRequest, signal: AbortSignal): Promise<ReleaseOutcome> {
    return this.#alone('release', signal, (ending) => this.#release(request, ending))
  }

  async rollback(request: RollbackRequest, signal: AbortSignal): Promise<ReleaseOutcome> {
    const { what, ending, ended } = this.#underWay ?? {}
    if (what === 'release') {
      this.#chosen(request.services)
      const before = new Map(this.#parts.services.revisions())
      ending?.abort(new Error('tenfold rollback'))
      const outcome = await ended
      if (outcome === undefined) return { services: this.#changedSince(before), hasEndedRelease: true }
    }
    return this.#alone('rollback', signal, (together) => this.#rollback(request, together))
  }

  async #alone(
    what: UnderWay['what'],
    signal: AbortSignal,
    work: (signal: AbortSignal) => Promise<ReleaseOutcome>,
  ): Promise<ReleaseOutcome> {
    if (this.#underWay !== undefined) throw isUnderWay(this.#underWay.what)
    const ending = new AbortController()
    const outcome = this.#applier.inTurn(() => work(AbortSignal.any([signal, ending.signal])))
    const ended = outcome.catch(() => undefined)
    this.#underWay = { what, ending, ended }
    try {
      return await outcome
    } catch (error) {
      if (!ending.signal.aborted) throw error
      throw new TenfoldError(
        'TF_ROLLOUT_FAILED',
        'expected the release to be rolled out, but "tenfold rollback" ended it',
        {
          hint: 'what ran before goes on; release again when you want to',
          cause: error,
        },
      )
    } finally {
      this.#underWay = undefined
    }
  }

  async #release(request: ReleaseRequest, signal: AbortSignal): Promise<ReleaseOutcome> {
    const wanted = this.#chosen(request.services)
    if (request.canary !== undefined) refuseAlone(wanted)
    const chosen = new Set(wanted.map(({ name }) => name))
    const { blueprint } = this.#context
    const [release, files] = await Promise.all([
      takeRelease(this.#context),
      takeFiles(this.#context, blueprint, signal, chosen),
    ])
    const plan: ApplyPlan = {
      id: uniqueId(),
      blueprint,
      release,
      files: { ...this.#parts.services.filesInUse(), ...files },
    }
    const observed = this.#applier.observed()
    const changes = await changesOf(plan, observed)
    refuseIfNeeded(changes)
    const replaced = replacedServices(changes, plan, observed, chosen)
    const trial = new ReleaseTrial(this.#context, request, (service) => releaseOf(plan, service).id, signal)
    return this.#takeOver(plan, replaced, { by: 'release', signal, ...trial.options() })
  }

  async #rollback({ services, to }: RollbackRequest, signal: AbortSignal): Promise<ReleaseOutcome> {
    const names =
      services.length > 0
        ? services
        : lastReleased(withServices(this.#parts.book.history, Object.keys(this.#context.blueprint.services)))
    const chosen = names.length > 0 ? this.#chosen(names) : []
    if (chosen.length === 0) throw unknownRelease('the system', 'no service ran another release before')
    const targets = await Promise.all(chosen.map((service) => this.#target(service, to)))
    const found = chosen.map((service, index) => ({ service, release: targets[index]! }))
    const releasesOf = (kind: 'files' | 'program'): Record<string, Release> =>
      Object.fromEntries(
        found
          .filter(({ service }) => isFiles(service) === (kind === 'files'))
          .map(({ service, release }) => [service.name, release]),
      )
    const plan: ApplyPlan = {
      id: uniqueId(),
      blueprint: this.#context.blueprint,
      release: targets[0]!,
      files: { ...this.#parts.services.filesInUse(), ...(releasesOf('files') as Record<string, FileRelease>) },
      releases: releasesOf('program'),
    }
    const only = new Set(chosen.map(({ name }) => name))
    return this.#takeOver(plan, replacedServices([], plan, this.#applier.observed(), only), { by: 'rollback', signal })
  }

  async #target(service: ResolvedService, to: string | undefined): Promise<Release> {
    const { history } = this.#parts.book
    const { name } = service
    const id =
      to === undefined
        ? formerRelease(history, name)?.release
        : history[name]?.find(({ release }) => release.startsWith(to))?.release
    if (id === undefined) {
      throw unknownRelease(
        name,
        to === undefined ? 'it ran no other one before' : `it never ran one that begins with ${to}`,
      )
    }
    const release = await findRelease(this.#context, service, id)
    if (release === undefined) throw unknownRelease(name, `${id.slice(0, 8)} is not on the disk any more`)
    return release
  }

  async #takeOver(plan: ApplyPlan, replaced: readonly string[], options: ApplyOptions): Promise<ReleaseOutcome> {
    const before = new Map(this.#parts.services.revisions())
    const isNews = replaced.some((name) => before.get(name)?.release.id !== releaseOf(plan, name).id)
    if (isNews) await new Takeover(this.#context, this.#parts, plan, options).run(replaced)
    return { services: this.#changedSince(before) }
  }

  #changedSince(before: ReadonlyMap<string, { release: Release }>): ReleaseOutcome['services'] {
    return [...this.#parts.services.revisions()].flatMap(([service, { release }]) => {
      const former = before.get(service)?.release.id ?? ''
      return former === release.id ? [] : [{ service, release: release.id, before: former }]
    })
  }

  /** @throws TF_USAGE for one that is not there */
  #chosen(names: readonly string[]): readonly ResolvedService[] {
    const { services } = this.#context.blueprint
    if (names.length === 0) return Object.values(services)
    return [...new Set(names)].map((name) => {
      if (Object.hasOwn(services, name)) return services[name]!
      const known = Object.keys(services)
      const meant = didYouMean(name, known)
      throw new TenfoldError('TF_USAGE', `expected a service (${known.join(', ')}), got ${JSON.stringify(name)}`, {
        hint: meant === undefined ? 'name one of them' : `did you mean ${meant}?`,
      })
    })
  }
}

/** @throws TF_USAGE for a service of which no two instances can run */
function refuseAlone(services: readonly ResolvedService[]): void {
  const alone = services.find(({ listensOn }) => listensOn?.isMoved === false)
  if (alone === undefined) return
  throw new TenfoldError(
    'TF_USAGE',
    `expected services with room for a canary, got ${alone.name}, which has one port`,
    {
      hint: 'release it without --canary, or let it listen on $PORT',
    },
  )
}

function isUnderWay(what: string): TenfoldError {
  return new TenfoldError(
    'TF_RELEASE_UNDER_WAY',
    `expected nothing to be under way, got a ${what} that has not ended`,
    {
      hint:
        what === 'release'
          ? 'wait for it, or end it with "tenfold rollback"'
          : 'wait for it: "tenfold status" shows it',
    },
  )
}

function unknownRelease(of: string, why: string): TenfoldError {
  return new TenfoldError('TF_RELEASE_UNKNOWN', `expected a release of ${of} to go back to, but ${why}`, {
    hint: '"tenfold release --list" shows those that there are',
  })
}
