import { messageOf, TenfoldError } from '../core/errors.ts'

/** What to do about an error of the operating system, by its name. */
const HINTS: Readonly<Record<string, string>> = {
  EACCES: 'run tenfold as the user that owns the directory, or give this user write access to it',
  EDQUOT: 'free some of your disk quota, then run the command again',
  EEXIST: 'move the file away that stands where the directory should be',
  EMFILE: 'raise the limit on open files ("ulimit -n 4096"), then run the command again',
  ENOSPC: 'free space on the disk ("df -h" shows how much is left), then run the command again',
  ENOTDIR: 'move the file away that stands where the directory should be',
  EPERM: 'run tenfold as the user that owns the directory',
  EROFS: 'move the project to a file system that can be written',
}

/** What went wrong with a state directory, with its next step. A `TenfoldError` is passed on as it is. */
export function stateError(directory: string, error: unknown): TenfoldError {
  if (error instanceof TenfoldError) return error
  const errno = error instanceof Error && 'code' in error ? String(error.code) : ''
  return new TenfoldError(
    'TF_STATE_UNUSABLE',
    `expected the state in ${directory} to be readable and writable, got ${messageOf(error)}`,
    { hint: HINTS[errno] ?? `look at ${directory}`, details: { directory, errno }, cause: error },
  )
}
