import { TenfoldError } from './errors.ts'

/**
 * What `work` gives, or TF_ABORTED as soon as the signal is aborted: for work that can't be told to end. It goes on
 * without anybody waiting for it, and its failure is nobody's any more.
 *
 * @param what names the work in the error
 * @example await unlessAborted(import(file), signal, 'the blueprint to load')
 */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined, what: string): Promise<T> {
  const aborted = Promise.withResolvers<never>()
  const abort = (): void => {
    aborted.reject(
      new TenfoldError('TF_ABORTED', `expected ${what}, but it was interrupted`, { cause: signal?.reason }),
    )
  }
  // Either may fail after the other has decided.
  aborted.promise.catch(() => undefined)
  work.catch(() => undefined)
  if (signal?.aborted === true) abort()
  signal?.addEventListener('abort', abort, { once: true })
  try {
    return await Promise.race([aborted.promise, work])
  } finally {
    signal?.removeEventListener('abort', abort)
  }
}
