import { clustersOf } from '../blueprint/clusters-of.ts'
import { withoutRestarts } from '../blueprint/diff.ts'
import type { ResolvedBlueprint, ResolvedDatabase, ResolvedService } from '../blueprint/resolved-blueprint.ts'
import { isFiles, kindOfService } from '../blueprint/service-kind.ts'
import { messageOf } from '../core/errors.ts'
import type { ReleaseEntry } from '../control/snapshot.ts'
import type { CanaryOptions } from '../fleet/canary.ts'
import { drainTimeoutMsOf } from '../fleet/drain-timeout.ts'
import type { ReleaseBook } from '../fleet/release-book.ts'
import type { Revision } from '../fleet/revision.ts'
import type { Gateway } from '../gateway/gateway-component.ts'
import { overlap } from './apply-overlap.ts'
import type { ApplyPlan } from './apply-plan.ts'
import { releaseOf } from './apply-plan.ts'
import type { PartsContext } from './parts-context.ts'
import { ReleaseRecord } from './release-record.ts'
import { startTogether } from './start-together.ts'
import type { FilesByService, SystemCode } from './system-code.ts'
import { pruneReleases } from './system-code.ts'
import type { SystemDatabases } from './system-databases.ts'
import type { SystemDoors } from './system-doors.ts'
import { gatewayTable } from './system-gateway.ts'
import type { SystemJobs } from './system-jobs.ts'
import type { SystemServices } from './system-services.ts'

/** @see Applier.apply */
export interface ApplyOptions {
  readonly signal: AbortSignal
  /** For development: all instances at once, back at the first failure, and no waiting for the last requests. */
  readonly isQuick?: boolean
  /** Services for which changed sources count. @default all */
  readonly only?: ReadonlySet<string>
  /** What the history of releases says of it. @default 'apply' */
  readonly by?: ReleaseEntry['by']
  /** How a service with instances is tried before all of it is replaced. @default not */
  readonly canary?: (service: ResolvedService) => CanaryOptions | undefined
  /** Called when all are replaced; when it rejects, they go back. @default nothing is watched */
  readonly watch?: (services: readonly string[]) => Promise<void>
}

/** What an applier changes. */
export interface ApplierParts {
  readonly gateway: Gateway
  readonly databases: SystemDatabases
  readonly doors: SystemDoors
  readonly services: SystemServices
  readonly jobs: SystemJobs
  readonly code: SystemCode
  readonly book: ReleaseBook
  /** Makes queues on engines elsewhere, by the blueprint as it is then. */
  readonly setUpQueues: () => Promise<void>
}

/** What instances may take to leave when their last requests are over. */
const LEAVING_MS = 30_000

/** One plan on its way. Each step that changes something adds how to undo it. */
export class Takeover {
  readonly #context: PartsContext
  readonly #parts: ApplierParts
  readonly #plan: ApplyPlan
  readonly #options: ApplyOptions
  readonly #before: ResolvedBlueprint
  readonly #after: ResolvedBlueprint
  readonly #formerFiles: FilesByService
  readonly #undo: (() => Promise<void>)[] = []

  constructor(context: PartsContext, parts: ApplierParts, plan: ApplyPlan, options: ApplyOptions) {
    this.#context = context
    this.#parts = parts
    this.#plan = plan
    this.#options = options
    this.#before = context.blueprint
    this.#formerFiles = parts.services.filesInUse()
    this.#after = withoutRestarts(context.blueprint, plan.blueprint)
  }

  async run(replaced: readonly string[]): Promise<void> {
    const released = new ReleaseRecord(this.#context, this.#parts.book, this.#options.by ?? 'apply')
    try {
      const names = [...replaced, ...this.#added().map(({ name }) => name)]
      await released.begin(names.map((name) => [name, releaseOf(this.#plan, name).id]))
      await this.#enter(overlap(this.#before, this.#after), this.#before)
      this.#undo.push(async () => {
        await this.#enter(this.#before, this.#before)
        await this.#parts.databases.admit()
      })
      await this.#bringDatabases()
      await this.#bringServices(replaced)
      await this.#enter(overlap(this.#before, this.#after), this.#after)
      await this.#options.watch?.(replaced)
    } catch (error) {
      await this.#goBack()
      await released.end({ state: 'rolled-back', reason: messageOf(error) })
      throw error
    }
    await released.end({ state: 'released' })
    await this.#leave()
  }

  /** From now on instances may reach what `reach` has, and requests go where `routes` says. */
  async #enter(reach: ResolvedBlueprint, routes: ResolvedBlueprint): Promise<void> {
    this.#context.replaceBlueprint(reach)
    await this.#parts.gateway.reconfigure({
      services: gatewayTable(withFilesOf(routes, reach), this.#filesOf(routes)).services,
      routes: gatewayTable(routes, {}).routes,
    })
  }

  /** Files are served as routes go: until they change, those of the former release. */
  #filesOf(routes: ResolvedBlueprint): FilesByService {
    const { files } = this.#plan
    return routes === this.#before ? { ...files, ...this.#formerFiles } : { ...this.#formerFiles, ...files }
  }

  async #bringDatabases(): Promise<void> {
    const { databases } = this.#parts
    // What went to the database stays, whatever its services go back to.
    if (this.#options.by === 'rollback') return
    const code = { ...this.#parts.code, release: this.#plan.release }
    for (const database of Object.values(this.#after.databases)) {
      const former = this.#before.databases[database.name]
      this.#undo.push(() => (former === undefined ? this.#dropDatabase(database) : databases.fit(former)))
      await databases.bring(database, code, this.#options.signal)
    }
    await this.#parts.setUpQueues()
    await this.#parts.doors.update()
    await databases.admit()
  }

  async #bringServices(replaced: readonly string[]): Promise<void> {
    const { services } = this.#parts
    const { isQuick = false, signal } = this.#options
    const tasks = [
      ...this.#added().map((service) => async (together: AbortSignal) => {
        this.#undo.push(() => this.#removeService(service.name))
        await services.add(this.#revision(service), together)
      }),
      ...replaced.map((name) => (together: AbortSignal) => this.#replace(this.#after.services[name]!, together)),
    ]
    // One at a time costs the machine least while it serves; who develops would rather not wait.
    if (isQuick) await startTogether(signal, tasks)
    else for (const task of tasks) await task(signal)
    for (const [name, { instances }] of Object.entries(this.#after.services)) {
      const former = this.#before.services[name]?.instances.desired
      if (former !== undefined && former !== instances.desired) services.scale(name, instances.desired)
    }
  }

  #added(): readonly ResolvedService[] {
    return Object.values(this.#after.services).filter(({ name }) => this.#before.services[name] === undefined)
  }

  async #replace(service: ResolvedService, signal: AbortSignal): Promise<void> {
    const { services } = this.#parts
    const former = services.revisionOf(service.name)!
    const { desired } = service.instances
    const { isQuick = false } = this.#options
    const isAlone = service.listensOn?.isMoved === false
    await services.replace(this.#revision(service), {
      surge: isAlone ? 0 : isQuick ? desired : Math.ceil(desired / 4),
      ...(isQuick ? { attempts: 1 } : {}),
      canary: kindOfService(service) === 'server' ? this.#options.canary?.(service) : undefined,
      signal,
    })
    this.#undo.push(() => services.replace(former, { surge: isAlone ? 0 : isQuick ? desired : 1 }))
  }

  /** The last requests of what was replaced, then what the edited blueprint has no more. */
  async #leave(): Promise<void> {
    const { services } = this.#parts
    const goneServices = Object.keys(this.#before.services).filter((name) => this.#after.services[name] === undefined)
    const goneDatabases = Object.values(this.#before.databases).filter(
      ({ name }) => this.#after.databases[name] === undefined,
    )
    await Promise.all(goneServices.map((name) => this.#removeService(name)))
    if (this.#options.isQuick !== true || goneDatabases.length > 0) await services.settled(this.#drainMs() + LEAVING_MS)
    await this.#enter(this.#after, this.#after)
    await services.rebind()
    await this.#parts.jobs.follow()
    await this.#parts.databases.admit()
    for (const database of goneDatabases) await this.#dropDatabase(database)
    await pruneReleases(
      this.#context,
      new Set([this.#plan.release.id, ...services.releasesInUse()]),
      services.filesInUse(),
      this.#parts.book.history,
    )
  }

  #drainMs(): number {
    return Math.max(0, ...Object.values(this.#context.blueprint.services).map(drainTimeoutMsOf))
  }

  /** Backwards; a step that fails is said and does not keep the others from being undone. */
  async #goBack(): Promise<void> {
    for (const undo of this.#undo.toReversed()) {
      await undo().catch((error: unknown) =>
        this.#context.notice({ level: 'error', message: `going back after a failed apply: ${messageOf(error)}` }),
      )
    }
  }

  async #removeService(name: string): Promise<void> {
    await this.#parts.services.remove(name)
    this.#context.change((snapshot) => ({ ...snapshot, services: without([name], snapshot.services) }))
  }

  async #dropDatabase(database: ResolvedDatabase): Promise<void> {
    await this.#parts.databases.drop(database.name)
    await this.#parts.doors.update()
    const names = clustersOf(database).map(({ name }) => name)
    this.#context.change((snapshot) => ({ ...snapshot, databases: without(names, snapshot.databases) }))
  }

  #revision(service: ResolvedService): Revision {
    return { service, release: releaseOf(this.#plan, service.name) }
  }
}

/** With the services of files as `routes` has them. */
function withFilesOf(routes: ResolvedBlueprint, reach: ResolvedBlueprint): ResolvedBlueprint {
  const files = Object.values(routes.services).filter(isFiles)
  return { ...reach, services: { ...reach.services, ...Object.fromEntries(files.map((each) => [each.name, each])) } }
}

function without<Value>(
  names: readonly string[],
  named: Readonly<Record<string, Value>>,
): Readonly<Record<string, Value>> {
  return Object.fromEntries(Object.entries(named).filter(([key]) => !names.includes(key)))
}
