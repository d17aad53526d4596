import type { Stats } from 'node:fs'
import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs'
import { basename, dirname, extname, resolve, sep } from 'node:path'
import { didYouMean } from '../core/did-you-mean.ts'
import { messageOf } from '../core/errors.ts'
import type { ReadSystem } from './grammar/system.ts'
import type { Place } from './place.ts'

const MODULES = ['.ts', '.mts', '.cts', '.js', '.mjs', '.cjs']
const HEADER_MAX_BYTES = 65_536

/** Checks that every file a blueprint names is there and of the right kind. */
export function checkFiles(system: ReadSystem, directory: string, place: Place): void {
  for (const [name, service] of system.services ?? []) {
    const at = place.at('services').at(name)
    if (service?.entry !== undefined) checkModule(service.entry, directory, at.at('entry'))
    if (service?.static !== undefined) checkStatic(service.static, service.fallback, directory, at)
  }
  for (const [name, database] of system.databases ?? []) {
    const at = place.at('databases').at(name)
    for (const [path, where] of each(database?.migrations, at.at('migrations'))) checkMigrations(path, directory, where)
    for (const [path, where] of each(database?.seed, at.at('seed'))) checkModule(path, directory, where)
  }
  for (const [index, { certificate, key }] of (system.gateway?.tls ?? []).entries()) {
    const tls = place.at('gateway').at('tls')
    const at = system.gateway?.tls?.length === 1 ? tls : tls.at(index)
    if (certificate !== undefined) checkFile(certificate, directory, at.at('certificate'))
    if (key !== undefined && checkFile(key, directory, at.at('key'))) checkHidden(key, system, directory, at.at('key'))
  }
  const { scenarios = [], arrivals } = system.load ?? {}
  for (const [index, { feeds, steps }] of scenarios.entries()) {
    const at = place.at('load').at('scenarios').at(index)
    for (const [name, feed] of feeds ?? []) {
      if (feed?.file !== undefined) checkFile(feed.file, directory, at.at('feeds').at(name).at('file'))
    }
    for (const [step, { code }] of (steps ?? []).entries()) {
      if (code?.module !== undefined)
        checkModule(code.module, directory, at.at('steps').at(step).at('code').at('module'))
    }
  }
  if (arrivals?.shape === 'trace') checkFile(arrivals.file, directory, place.at('load').at('arrivals').at('file'))
}

/** The columns that the first line of a CSV file names; undefined when it can't be read, or has cells in quotes. */
export function csvColumns(file: string): readonly string[] | undefined {
  let descriptor: number | undefined
  try {
    descriptor = openSync(file, 'r')
    const buffer = Buffer.alloc(HEADER_MAX_BYTES)
    const length = readSync(descriptor, buffer, 0, HEADER_MAX_BYTES, 0)
    const [header = ''] = buffer
      .toString('utf8', 0, length)
      .replace(/^\uFEFF/, '')
      .split(/\r?\n/, 1)
    return header.includes('"') ? undefined : header.split(',')
  } catch {
    // That the file is missing or unreadable is reported where it is named.
    return undefined
  } finally {
    if (descriptor !== undefined) closeSync(descriptor)
  }
}

/** One path stands in the option itself, several in a list. */
function each(paths: readonly string[] = [], place: Place): readonly (readonly [string, Place])[] {
  return paths.map((path, index) => [path, paths.length === 1 ? place : place.at(index)])
}

function checkModule(path: string, directory: string, place: Place): void {
  if (!checkFile(path, directory, place) || MODULES.includes(extname(path))) return
  const hint =
    extname(path) === '.tsx' || extname(path) === '.jsx'
      ? 'compile it first, and name the compiled file'
      : `name a file that ends in ${MODULES.join(', ')}`
  place.invalid(`expected a TypeScript or JavaScript file, got '${path}'`, hint)
}

function checkMigrations(path: string, directory: string, place: Place): void {
  const found = stat(path, directory, place, 'directory')
  if (found === undefined) return
  if (!found.isDirectory()) {
    place.invalid(`expected a directory of *.sql files, got the file '${path}'`, `write '${dirname(path)}'`)
  } else if (!readdirSync(resolve(directory, path)).some((file) => file.endsWith('.sql'))) {
    place.invalid(
      `expected *.sql files in '${path}', got none`,
      "add one such as '0001-orders.sql', or remove 'migrations'",
    )
  }
}

/** A front end that has not been built yet is the most frequent mistake. */
function checkStatic(path: string, fallback: string | undefined, directory: string, place: Place): void {
  const found = stat(path, directory, place.at('static'), 'directory', 'build the front end, or correct the path')
  if (found === undefined) return
  if (!found.isDirectory()) {
    place.at('static').invalid(`expected a directory of files, got the file '${path}'`, `write '${dirname(path)}'`)
  } else if (readdirSync(resolve(directory, path)).length === 0) {
    place.at('static').invalid(`expected files in '${path}', got none`, 'build the front end first')
  } else if (fallback !== undefined) {
    checkFile(fallback, resolve(directory, path), place.at('fallback'))
  }
}

/** What a front end is served from, everybody may read. */
function checkHidden(key: string, system: ReadSystem, directory: string, place: Place): void {
  for (const [name, service] of system.services ?? []) {
    if (service?.static === undefined) continue
    if (!resolve(directory, key).startsWith(`${resolve(directory, service.static)}${sep}`)) continue
    place.invalid(
      `expected a key outside the files that '${name}' serves to everybody, got '${key}'`,
      'move it elsewhere',
    )
  }
}

function checkFile(path: string, directory: string, place: Place): boolean {
  const found = stat(path, directory, place, 'file')
  if (found === undefined || found.isFile()) return found !== undefined
  place.invalid(
    `expected a file, got '${path}', which is ${found.isDirectory() ? 'a directory' : 'something else'}`,
    'name a file',
  )
  return false
}

function stat(
  path: string,
  directory: string,
  place: Place,
  what: 'file' | 'directory',
  remedy = 'create it, or correct the path',
): Stats | undefined {
  const absolute = resolve(directory, path)
  try {
    const found = statSync(absolute, { throwIfNoEntry: false })
    if (found !== undefined) return found
  } catch (error) {
    return place.invalid(
      `expected a ${what} at ${absolute}, got an error: ${messageOf(error)}`,
      'make it readable for the user who runs tenfold',
    )
  }
  const near = didYouMean(basename(absolute), siblings(absolute))
  return place.invalid(
    `expected a ${what} at ${absolute}, got nothing there${near === undefined ? '' : `; did you mean '${near}'?`}`,
    `${remedy}: it starts at the blueprint's directory`,
  )
}

function siblings(path: string): readonly string[] {
  try {
    return readdirSync(dirname(path))
  } catch {
    // Its directory is missing too: there is nothing to suggest.
    return []
  }
}
