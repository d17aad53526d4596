import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Clock } from '../core/clock.ts'
import { systemClock } from '../core/clock.ts'
import type { ErrorCode } from '../core/error-codes.ts'
import { TenfoldError } from '../core/errors.ts'
import type { ResolvedBlueprint } from './resolved-blueprint.ts'

/** Longer than loading may take by itself, so that its own error comes first. */
const PROCESS_MAX_MS = 20_000

type Answer =
  | { readonly blueprint: ResolvedBlueprint }
  | { readonly error: string | ReturnType<TenfoldError['toJSON']> }

/**
 * Loads a blueprint as it is on the disk now, in a process of its own: a module that was imported once is never read
 * again.
 *
 * @throws what `loadBlueprint` throws; TF_BLUEPRINT_UNLOADABLE when the process ends without an answer
 */
export async function loadBlueprintFreshly(
  file: string,
  options: { readonly signal?: AbortSignal; readonly clock?: Clock } = {},
): Promise<ResolvedBlueprint> {
  const { clock = systemClock, signal } = options
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const program = fileURLToPath(new URL(`load-process.${extension}`, import.meta.url))
  const child = fork(program, [file], {
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    // Plain JSON would lose what is undefined.
    serialization: 'advanced',
    execArgv: process.execArgv.filter((option) => !option.startsWith('--inspect')),
  })
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  child.once('message', (answer) => resolve(answer as Answer))
  child.once('error', reject)
  child.once('exit', (code, killed) => reject(noAnswer(file, killed ?? `exit code ${code}`)))
  const cancel = clock.schedule(PROCESS_MAX_MS, () => child.kill('SIGKILL'))
  const onAbort = (): void => void child.kill('SIGKILL')
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    const answer = await promise
    if ('blueprint' in answer) return answer.blueprint
    throw restored(file, answer.error)
  } catch (error) {
    if (signal?.aborted !== true) throw error
    throw new TenfoldError('TF_ABORTED', `expected ${file} to load, but it was cancelled`, { cause: signal.reason })
  } finally {
    cancel()
    signal?.removeEventListener('abort', onAbort)
    child.kill('SIGKILL')
  }
}

function restored(file: string, error: string | ReturnType<TenfoldError['toJSON']>): TenfoldError {
  if (typeof error === 'string') return noAnswer(file, error)
  const { code, message, hint, details } = error
  return new TenfoldError(code as ErrorCode, message, { ...(hint === undefined ? {} : { hint }), details })
}

function noAnswer(file: string, got: string): TenfoldError {
  return new TenfoldError('TF_BLUEPRINT_UNLOADABLE', `expected ${file} to load, got: ${got}`, {
    hint: 'run "tenfold check", which tells more',
    details: { file },
  })
}
