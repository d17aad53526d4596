import { dirname, join } from 'node:path'
import { messageOf } from '../core/errors.ts'
import { materialisePackage, tenfoldPackageRoot } from '../fleet/materialise-package.ts'
import type { Release } from '../fleet/release.ts'
import type { ReleaseStoreOptions } from '../fleet/release-store.ts'
import { createReleaseStore } from '../fleet/release-store.ts'
import type { PartsContext } from './parts-context.ts'

/** The programs that children run, where their account can read them. */
export interface SystemCode {
  /** Node executable. */
  readonly node: string
  /** The services' code. */
  readonly release: Release
  /** One of Tenfold's own modules, named from `src`: `'gateway/gateway-process'`. */
  module(name: string): string
  /** Tenfold's own package. */
  readonly tenfoldRoot: string
}

/** Takes the release of the blueprint's package and makes everything readable. */
export async function prepareCode(context: PartsContext): Promise<SystemCode> {
  const { blueprint } = context
  const place = placeOf(context)
  const releases = createReleaseStore(place)
  const [node, tenfoldRoot, release] = await Promise.all([
    releases.readableNode(process.execPath),
    materialisePackage(tenfoldPackageRoot(), place),
    releases.take(blueprint.directory),
  ])
  // TypeScript in a checkout, JavaScript where it was built.
  const isCheckout = import.meta.url.endsWith('.ts')
  return {
    node,
    release,
    tenfoldRoot,
    module: (name) => join(tenfoldRoot, isCheckout ? `src/${name}.ts` : `dist/${name}.js`),
  }
}

/** A release of the sources as they are now. Throws as `ReleaseStore.take`. */
export function takeRelease(context: PartsContext): Promise<Release> {
  return oneAtATime(context, () => createReleaseStore(placeOf(context)).take(context.blueprint.directory))
}

/** Lets old releases leave, but for those in use. What can't be removed now is removed by a later call. */
export async function pruneReleases(context: PartsContext, inUse: ReadonlySet<string>): Promise<void> {
  try {
    await oneAtATime(context, () => createReleaseStore(placeOf(context)).prune(inUse))
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

function placeOf({ state, user, clock }: PartsContext): ReleaseStoreOptions {
  return { dataRoot: dirname(state.releasesDirectory), user, clock }
}
