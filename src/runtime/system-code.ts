import { dirname, join } from 'node:path'
import type { ResolvedBlueprint, ResolvedService } from '../blueprint/resolved-blueprint.ts'
import { isFiles } from '../blueprint/service-kind.ts'
import { messageOf } from '../core/errors.ts'
import type { FileRelease } from '../fleet/file-releases.ts'
import { createFileReleases } from '../fleet/file-releases.ts'
import { materialisePackage, tenfoldPackageRoot } from '../fleet/materialise-package.ts'
import type { Release } from '../fleet/release.ts'
import type { ReleaseStoreOptions } from '../fleet/release-store.ts'
import type { ReleaseHistory } from '../fleet/release-history.ts'
import { releasesToKeep } from '../fleet/release-history.ts'
import { createReleaseStore } from '../fleet/release-store.ts'
import { notSources } from './not-sources.ts'
import type { PartsContext } from './parts-context.ts'

/** The programs that children run, where their account can read them. */
export interface SystemCode {
  /** Node executable. */
  readonly node: string
  /** The services' code. */
  readonly release: Release
  /** The files of front ends, by service. */
  readonly files: FilesByService
  /** Services that run another release than that. @default none */
  readonly releases?: Readonly<Record<string, Release>>
  /** One of Tenfold's own modules, named from `src`: `'gateway/gateway-process'`. */
  module(name: string): string
  /** Tenfold's own package. */
  readonly tenfoldRoot: string
}

/** @see takeFiles */
export type FilesByService = Readonly<Record<string, FileRelease>>

/** Takes the release of the blueprint's package and makes everything readable. */
export async function prepareCode(context: PartsContext, signal: AbortSignal): Promise<SystemCode> {
  const { blueprint } = context
  const place = placeOf(context)
  const releases = createReleaseStore(place)
  const [node, tenfoldRoot, release, files] = await Promise.all([
    releases.readableNode(process.execPath),
    materialisePackage(tenfoldPackageRoot(), place),
    releases.take(blueprint.directory),
    takeFiles(context, blueprint, signal),
  ])
  // TypeScript in a checkout, JavaScript where it was built.
  const isCheckout = import.meta.url.endsWith('.ts')
  return {
    node,
    release,
    files,
    tenfoldRoot,
    module: (name) => join(tenfoldRoot, isCheckout ? `src/${name}.ts` : `dist/${name}.js`),
  }
}

/**
 * A release of the sources as they are now. Throws as `ReleaseStore.take`.
 *
 * @param blueprint the one that is to run. @default the one that runs
 */
export function takeRelease(context: PartsContext, blueprint: ResolvedBlueprint = context.blueprint): Promise<Release> {
  return oneAtATime(context, () => createReleaseStore(placeOf(context, blueprint)).take(blueprint.directory))
}

/**
 * Releases of the files of front ends, as they are now. Throws as `FileReleases.take`.
 *
 * @param only of these services. @default all
 */
export function takeFiles(
  context: PartsContext,
  { services }: ResolvedBlueprint,
  signal: AbortSignal,
  only?: ReadonlySet<string>,
): Promise<FilesByService> {
  return oneAtATime(context, async () => {
    const taken: Record<string, FileRelease> = {}
    for (const service of Object.values(services)) {
      if (!isFiles(service) || only?.has(service.name) === false) continue
      taken[service.name] = await fileReleases(context).take(service.name, service.program.directory, signal)
    }
    return taken
  })
}

/** What a service ran before, if it is still there. */
export async function findRelease(
  context: PartsContext,
  service: ResolvedService,
  id: string,
): Promise<Release | undefined> {
  if (isFiles(service)) return fileReleases(context).find(service.name, id, service.program.directory)
  return createReleaseStore(placeOf(context)).find(id, context.blueprint.directory)
}

/** Lets old releases leave, but for those in use and those to go back to. What can't be removed now is removed by a later call. */
export async function pruneReleases(
  context: PartsContext,
  inUse: ReadonlySet<string>,
  files: FilesByService,
  history: ReleaseHistory,
): Promise<void> {
  const kept = Object.keys(history).flatMap((service) => releasesToKeep(history, service))
  const idsOf = Object.fromEntries(
    Object.entries(files).map(([service, { id }]) => [service, [id, ...releasesToKeep(history, service)]]),
  )
  try {
    await oneAtATime(context, async () => {
      await createReleaseStore(placeOf(context)).prune(new Set([...inUse, ...kept]))
      await fileReleases(context).prune(idsOf)
    })
  } catch (error) {
    context.notice({ level: 'warning', message: `an old release could not be removed: ${messageOf(error)}` })
  }
}

/** Releases that are being copied look like what a crash left half done. */
const lastOf = new WeakMap<PartsContext, Promise<unknown>>()

function oneAtATime<Result>(context: PartsContext, work: () => Promise<Result>): Promise<Result> {
  const outcome = (lastOf.get(context) ?? Promise.resolve()).then(work)
  lastOf.set(
    context,
    outcome.catch(() => undefined),
  )
  return outcome
}

function fileReleases(context: PartsContext): ReturnType<typeof createFileReleases> {
  return createFileReleases({ ...placeOf(context), clock: context.clock })
}

function placeOf(
  { state, user, clock, blueprint: running }: PartsContext,
  next: ResolvedBlueprint = running,
): ReleaseStoreOptions {
  const except = [...notSources(running), ...notSources(next)]
  return { dataRoot: dirname(state.releasesDirectory), user, clock, except }
}
