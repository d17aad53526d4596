import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { TenfoldError, messageOf } from '../core/errors.ts'

/** How long the search for the line of a syntax error may take. */
const SEARCH_MAX_MS = 5_000

/** The error for a blueprint that could not be imported: where, what, and what to do. */
export async function loadingFailure(file: string, error: unknown): Promise<TenfoldError> {
  const { what, hint } = describe(error)
  const where =
    headerPlace(stackOf(error)) ?? framePlace(stackOf(error)) ?? (await syntaxErrorPlace(file, error)) ?? file
  const message = messageOf(error).split('\n', 1)[0]
  return new TenfoldError(
    'TF_BLUEPRINT_UNLOADABLE',
    `expected ${file} to load, got ${what}: ${message}\n  at ${where}`,
    {
      hint,
      details: { file, where },
      cause: error,
    },
  )
}

interface Description {
  readonly what: string
  readonly hint: string
}

function describe(error: unknown): Description {
  switch (codeOf(error)) {
    case 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX':
      return {
        what: 'syntax that Node.js does not run',
        hint: 'use types that can be erased: no enum, namespace or parameter property',
      }
    case 'ERR_INVALID_TYPESCRIPT_SYNTAX':
      return { what: 'a syntax error', hint: 'correct the line' }
    case 'ERR_MODULE_NOT_FOUND':
    case 'ERR_UNSUPPORTED_DIR_IMPORT':
      return { what: "an import that can't be found", hint: importHint(error) }
    case 'EACCES':
    case 'EPERM':
      return { what: 'a file that may not be read', hint: 'make it readable for the user who runs tenfold' }
  }
  if (error instanceof SyntaxError && /does not provide an export/.test(error.message)) {
    return { what: 'an import that does not exist', hint: 'correct the name; types are imported with "import type"' }
  }
  if (
    error instanceof SyntaxError &&
    /import statement outside a module|Unexpected token 'export'/.test(error.message)
  ) {
    return {
      what: 'a module in a package that is declared to be CommonJS',
      hint: 'let its name end in .mts or .mjs, or set "type": "module" in package.json',
    }
  }
  // A syntax error of the file itself has no frame in it: nothing of it has run.
  if (error instanceof SyntaxError && framePlace(stackOf(error)) === undefined) {
    return { what: 'a syntax error', hint: 'correct the line' }
  }
  return {
    what: 'an error that it throws',
    hint: 'correct the code: a blueprint is plain data and does nothing when it loads',
  }
}

function importHint(error: unknown): string {
  const url = (error as { readonly url?: string }).url
  const wanted = url?.startsWith('file:') === true ? fileURLToPath(url) : undefined
  const extension = wanted === undefined ? undefined : ['.ts', '.js', '.mjs'].find((end) => existsSync(wanted + end))
  if (wanted !== undefined && extension !== undefined)
    return `write the import with its extension: ${basename(wanted)}${extension}`
  return 'relative imports name the file with its extension; packages have to be installed'
}

/** Errors of the compiler put the file and the line above the stack. */
function headerPlace(stack: string): string | undefined {
  const [, place] = /^((?:file:\/\/)?\/.*:\d+)$/.exec(stack.split('\n', 1)[0] as string) ?? []
  return place === undefined ? undefined : readable(place)
}

/** Our own hook stands in the stack of every import that fails. */
const HOOK = join(import.meta.dirname, 'own-package.')

/** The innermost frame in a file of the user. */
function framePlace(stack: string): string | undefined {
  const frames = [...stack.matchAll(/^\s+at (?:async )?(?:[^()]*\()?((?:file:\/\/)?\/[^()]*:\d+:\d+)\)?$/gm)].map(
    ([, place = '']) => readable(place),
  )
  return frames.find((place) => !place.includes('/node_modules/') && !place.includes(HOOK))
}

/**
 * Node.js shows the line of a syntax error in plain JavaScript only when it ends because of it, so that is what another
 * one is made to do. Nothing runs there either: the error is found before anything does.
 */
async function syntaxErrorPlace(file: string, error: unknown): Promise<string | undefined> {
  if (!(error instanceof SyntaxError)) return undefined
  const conditions = process.execArgv.filter((argument) => argument.startsWith('--conditions='))
  const { promise, resolve } = Promise.withResolvers<string>()
  execFile(
    process.execPath,
    [...conditions, file],
    { timeout: SEARCH_MAX_MS, killSignal: 'SIGKILL' },
    (_, __, stderr) => resolve(stderr),
  )
  return headerPlace(await promise)
}

function readable(place: string): string {
  return place.startsWith('file:')
    ? place.replace(/^(.*?)((?::\d+)+)$/, (_, url: string, line: string) => fileURLToPath(url) + line)
    : place
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? '') : ''
}

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
}
