import { dirname, join } from 'node:path'
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

/** Takes the release of the blueprint's package and makes everything readable; old releases leave. */
export async function prepareCode(context: PartsContext): Promise<SystemCode> {
  const { blueprint } = context
  const place = placeOf(context)
  const releases = createReleaseStore(place)
  const [node, tenfoldRoot, release] = await Promise.all([
    releases.readableNode(process.execPath),
    materialisePackage(tenfoldPackageRoot(), place),
    releases.take(blueprint.directory),
  ])
  await releases.prune(new Set([release.id]))
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
  return createReleaseStore(placeOf(context)).take(context.blueprint.directory)
}

/** Lets old releases leave, but for those in use. */
export function pruneReleases(context: PartsContext, inUse: ReadonlySet<string>): Promise<void> {
  return createReleaseStore(placeOf(context)).prune(inUse)
}

function placeOf({ state, user, clock }: PartsContext): ReleaseStoreOptions {
  return { dataRoot: dirname(state.releasesDirectory), user, clock }
}
