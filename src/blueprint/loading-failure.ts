import { TenfoldError, hasCode, messageOf } from '../core/errors.ts'

/** The error for a blueprint that could not be imported: where, what, and what to do. */
export function loadingFailure(file: string, error: unknown): unknown {
  if (hasCode(error, 'TF_BLUEPRINT_UNLOADABLE')) return error
  const where = placeOf(error) ?? file
  const [what, hint] = describe(error)
  return new TenfoldError('TF_BLUEPRINT_UNLOADABLE', `expected ${file} to load, got ${what}\n  at ${where}`, {
    hint,
    details: { file, where },
    cause: error,
  })
}

function describe(error: unknown): readonly [what: string, hint: string] {
  const message = messageOf(error).split('\n', 1)[0] as string
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
  if (code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX') {
    return [`unsupported syntax: ${message}`, 'use types that can be erased: no enum, namespace or parameter property']
  }
  if (
    code === 'ERR_INVALID_TYPESCRIPT_SYNTAX' ||
    (error instanceof SyntaxError && !/does not provide an export/.test(message))
  ) {
    return [`a syntax error: ${message}`, 'correct the line']
  }
  if (code === 'ERR_MODULE_NOT_FOUND' || code === 'ERR_UNSUPPORTED_DIR_IMPORT') {
    return [
      `an import that can't be found: ${message}`,
      'relative imports name the file with its extension; packages have to be installed',
    ]
  }
  if (error instanceof SyntaxError)
    return [`an import that does not exist: ${message}`, 'correct the name; types are imported with "import type"']
  return [
    `an error that it throws: ${message}`,
    'correct the code: a blueprint is plain data and does nothing when it loads',
  ]
}

/** The first line of the stack that names a file of the user: above a syntax error, or among the frames. */
function placeOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || error.stack === undefined) return undefined
  const frames = error.stack.matchAll(/(?:^|[\s(])((?:file:\/\/)?\/[^\n():]+:\d+(?::\d+)?)/g)
  for (const [, frame = ''] of frames) {
    const place = decodeURI(frame.replace(/^file:\/\//, ''))
    if (!place.includes('/node_modules/')) return place
  }
  return undefined
}
