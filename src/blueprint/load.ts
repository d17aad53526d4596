import type { Stats } from 'node:fs'
import { readdirSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Clock } from '../core/clock.ts'
import { systemClock } from '../core/clock.ts'
import { didYouMean } from '../core/did-you-mean.ts'
import { TenfoldError, hasCode } from '../core/errors.ts'
import { checkBlueprint, configurationOf } from './check.ts'
import { loadingFailure } from './loading-failure.ts'
import { kindOf } from './describe-value.ts'
import { offerOwnPackage } from './own-package.ts'
import { blueprintError } from './problem.ts'
import type { ResolvedBlueprint } from './resolved-blueprint.ts'

/** Which blueprint is meant. */
export interface LoadOptions {
  /** `before` for `before.config.ts`. @default 'tenfold' */
  configuration?: string
  /** How long the file may take to load. @default the machine's clock, 10 s */
  clock?: Clock
}

const EXTENSIONS = ['ts', 'mts', 'js', 'mjs']
const LOADING_MAX_MS = 10_000

/**
 * Loads, checks and resolves a blueprint: a file, or a directory with `tenfold.config.ts` (or `.mts`, `.js`, `.mjs`) in
 * it. The file is imported, so it runs, and a second load of the same file gives what the first one gave.
 *
 * @throws TF_BLUEPRINT_MISSING when there is no such file; the blueprints that are there are listed
 * @throws TF_BLUEPRINT_UNLOADABLE for a syntax error, an import that can't be found, or code that throws
 * @throws TF_BLUEPRINT_INVALID, TF_NOT_IMPLEMENTED as `checkBlueprint`
 * @example const { name } = await loadBlueprint('systems/bytebites', { configuration: 'before' })
 */
export async function loadBlueprint(path: string, options: LoadOptions = {}): Promise<ResolvedBlueprint> {
  const file = findBlueprint(resolve(path), options.configuration)
  const { default: exported } = await importBlueprint(file, options.clock ?? systemClock)
  if (typeof exported !== 'object' || exported === null || Array.isArray(exported) || exported instanceof Promise) {
    throw noSystem(file, exported)
  }
  return checkBlueprint(exported, { file })
}

function findBlueprint(path: string, configuration: string | undefined): string {
  const found = statOf(path)
  if (found?.isFile() === true) {
    if (configuration === undefined || configuration === configurationOf(path)) return path
    return findBlueprint(dirname(path), configuration)
  }
  const directory = found?.isDirectory() === true ? path : dirname(path)
  const seen = blueprintsIn(directory)
  if (directory === path) {
    const file = EXTENSIONS.map((extension) => `${configuration ?? 'tenfold'}.config.${extension}`).find((name) =>
      seen.includes(name),
    )
    if (file !== undefined) return join(directory, file)
  }
  throw missing(directory === path ? join(path, `${configuration ?? 'tenfold'}.config.ts`) : path, seen)
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false })
  } catch {
    // Behind a directory that we may not enter; for whoever asks that is as good as not there.
    return undefined
  }
}

function blueprintsIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory).filter((name) => /\.config\.(?:mts|ts|mjs|js)$/.test(name))
  } catch {
    // The directory is missing as well, so it has none.
    return []
  }
}

function missing(file: string, seen: readonly string[]): TenfoldError {
  const near = didYouMean(file.slice(dirname(file).length + 1), seen)
  const there = seen.length === 0 ? 'no *.config.ts is there' : `there are: ${seen.join(', ')}`
  return new TenfoldError('TF_BLUEPRINT_MISSING', `expected a blueprint at ${file}, got nothing; ${there}`, {
    hint:
      near === undefined
        ? 'name the directory of a system, or create tenfold.config.ts in it'
        : `did you mean ${near}? choose it with --config ${configurationOf(near)}`,
    details: { file, found: seen },
  })
}

async function importBlueprint(file: string, clock: Clock): Promise<{ readonly default?: unknown }> {
  offerOwnPackage()
  const late = Promise.withResolvers<never>()
  const cancel = clock.schedule(LOADING_MAX_MS, () => late.reject(tooSlow(file)))
  try {
    return await Promise.race([
      import(pathToFileURL(file).href) as Promise<{ readonly default?: unknown }>,
      late.promise,
    ])
  } catch (error) {
    throw hasCode(error, 'TF_BLUEPRINT_UNLOADABLE') ? error : await loadingFailure(file, error)
  } finally {
    cancel()
  }
}

function tooSlow(file: string): TenfoldError {
  return new TenfoldError(
    'TF_BLUEPRINT_UNLOADABLE',
    `expected ${file} to load within ${LOADING_MAX_MS / 1000} s, it still waits`,
    {
      hint: 'a blueprint is plain data: do not wait for anything in it',
      details: { file },
    },
  )
}

function noSystem(file: string, exported: unknown): TenfoldError {
  const hint =
    typeof exported === 'function'
      ? 'call it: a blueprint exports the system, not what makes it'
      : exported instanceof Promise
        ? 'await it, or better make it plain data'
        : "write export default defineSystem({ name: '…', services: { … } })"
  return blueprintError(file, [
    {
      path: 'default',
      code: 'TF_BLUEPRINT_INVALID',
      message: `expected the default export to be a system, got ${exported === undefined ? 'no default export' : kindOf(exported)}`,
      hint,
    },
  ])
}
