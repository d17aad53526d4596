import type { BlueprintChange } from '../blueprint/diff.ts'
import { loadBlueprintFreshly } from '../blueprint/load-freshly.ts'
import { TenfoldError } from '../core/errors.ts'
import { uniqueId } from '../core/random.ts'
import type { ApplyPlan, Observed } from './apply-plan.ts'
import { changesOf, refuseIfNeeded, replacedServices } from './apply-plan.ts'
import type { ApplierParts, ApplyOptions } from './apply-takeover.ts'
import { Takeover } from './apply-takeover.ts'
import type { PartsContext } from './parts-context.ts'
import { takeFiles, takeRelease } from './system-code.ts'

/** Carries an edited blueprint, and edited sources, over into a system that runs. */
export interface Applier {
  /**
   * Loads the blueprint and takes the sources as they are on the disk now; nothing changes.
   *
   * @throws what loading the blueprint and taking a release throw
   */
  plan(signal: AbortSignal, options?: PlanOptions): Promise<{ plan: string; changes: readonly BlueprintChange[] }>
  /**
   * Carries a plan out, after those that are under way. All or nothing: when something fails, what ran before goes on;
   * only migrations that were applied stay.
   *
   * @returns what was changed, which is less than planned if an earlier call has done it already
   * @throws TF_APPLY_REFUSED; TF_ROLLOUT_FAILED, or what starting a database or a service throws
   */
  apply(plan: string, options: ApplyOptions): Promise<{ changes: readonly BlueprintChange[] }>
  /** Does something else that changes the system, in turn with what is applied. */
  inTurn<Result>(work: () => Promise<Result>): Promise<Result>
  /** What plans are compared with. */
  observed(): Observed
}

/** @see Applier.plan */
export interface PlanOptions {
  /** Whether only sources have changed, so that the blueprint need not be loaded again. @default false */
  readonly isBlueprintSame?: boolean
}

const PLANS_KEPT = 8

/** The applier of a system that has started. */
export function createApplier(context: PartsContext, parts: ApplierParts): Applier {
  return new SerialApplier(context, parts)
}

class SerialApplier implements Applier {
  readonly #context: PartsContext
  readonly #parts: ApplierParts
  readonly #plans = new Map<string, ApplyPlan>()
  #last: Promise<unknown> = Promise.resolve()

  constructor(context: PartsContext, parts: ApplierParts) {
    this.#context = context
    this.#parts = parts
  }

  async plan(
    signal: AbortSignal,
    { isBlueprintSame = false }: PlanOptions = {},
  ): Promise<{ plan: string; changes: readonly BlueprintChange[] }> {
    const blueprint = isBlueprintSame
      ? this.#context.blueprint
      : await loadBlueprintFreshly(this.#context.blueprint.file, { signal })
    const release = await takeRelease(this.#context, blueprint)
    const files = await takeFiles(this.#context, blueprint, signal)
    const { gateway } = this.#context.isGatewayGiven ? this.#context.blueprint : blueprint
    const plan: ApplyPlan = { id: uniqueId(), blueprint: { ...blueprint, gateway }, release, files }
    this.#plans.set(plan.id, plan)
    for (const oldest of this.#plans.keys()) if (this.#plans.size > PLANS_KEPT) this.#plans.delete(oldest)
    return { plan: plan.id, changes: await changesOf(plan, this.observed()) }
  }

  apply(id: string, options: ApplyOptions): Promise<{ changes: readonly BlueprintChange[] }> {
    return this.inTurn(() => this.#apply(id, options))
  }

  inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const outcome = this.#last.then(work)
    this.#last = outcome.catch(() => undefined)
    return outcome
  }

  async #apply(id: string, options: ApplyOptions): Promise<{ changes: readonly BlueprintChange[] }> {
    const plan = this.#plans.get(id)
    if (plan === undefined) {
      throw new TenfoldError('TF_INPUT_INVALID', `expected one of the last ${PLANS_KEPT} plans, got ${id}`, {
        hint: 'run "tenfold apply" again',
      })
    }
    const changes = await changesOf(plan, this.observed())
    refuseIfNeeded(changes)
    const replaced = replacedServices(changes, plan, this.observed(), options.only)
    if (changes.some(({ effect }) => effect !== 'restart')) {
      await new Takeover(this.#context, this.#parts, plan, options).run(replaced)
    }
    return { changes }
  }

  observed(): Observed {
    const { databases, services } = this.#parts
    return {
      blueprint: this.#context.blueprint,
      revisionOf: (service) => services.revisionOf(service),
      pendingMigrations: (database, directories) => databases.pendingMigrations(database, directories),
    }
  }
}
