import { stat } from 'node:fs/promises'
import { dirname, isAbsolute, join, relative } from 'node:path'
import { TenfoldError } from '../core/errors.ts'

/** A content-addressed snapshot of a package's sources. Never changed, only replaced. */
export interface Release {
  /** The content address: 20 hexadecimal digits, the same for the same sources on every machine. */
  readonly id: string
  /** Where the snapshot is, absolute. Instances can read it and can't write it. */
  readonly directory: string
  /** The package it was taken from, absolute. */
  readonly packageRoot: string
}

/**
 * Where a path of the package is in a release.
 *
 * @throws TF_RELEASE_OUTSIDE
 * @example pathInRelease(release, '/app/services/api.ts') // '/data/releases/4f…/services/api.ts'
 */
export function pathInRelease(release: Release, path: string): string {
  const inside = relative(release.packageRoot, path)
  if (!isOutside(inside)) return join(release.directory, inside)
  throw new TenfoldError('TF_RELEASE_OUTSIDE', `expected ${path} to be in the package ${release.packageRoot}`, {
    hint: 'move the file into the package that holds the blueprint, or give the directory above both a package.json',
  })
}

/** The nearest directory upwards that has a `package.json`, or `directory` itself where there is none. */
export async function packageRootOf(directory: string): Promise<string> {
  for (let candidate = directory; ; candidate = dirname(candidate)) {
    const stats = await stat(join(candidate, 'package.json')).catch(() => undefined)
    if (stats?.isFile() === true) return candidate
    if (candidate === dirname(candidate)) return directory
  }
}

/** Whether a relative path leads out of the directory it starts in. */
export function isOutside(path: string): boolean {
  return path === '..' || path.startsWith('../') || isAbsolute(path)
}
