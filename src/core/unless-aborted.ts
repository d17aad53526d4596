import { TenfoldError } from './errors.ts'

/**
 * What `work` gives, or TF_ABORTED as soon as the signal is aborted: for work that can't be told to end. It goes on
 * without anybody waiting for it, and its failure is nobody's any more.
 *
 * @param what names the work in the error
 * @example await unlessAborted(import(file), signal, 'the blueprint to load')
 */
export function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined, what: string): Promise<T> {
  return race(
    work,
    signal,
    () => new TenfoldError('TF_ABORTED', `expected ${what}, but it was interrupted`, { cause: signal?.reason }),
  )
}

/** The same with the signal's own reason as the error. */
export function orAbortReason<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return race(work, signal, () => signal.reason)
}

async function race<T>(work: Promise<T>, signal: AbortSignal | undefined, reason: () => unknown): Promise<T> {
  const aborted = Promise.withResolvers<never>()
  const abort = (): void => aborted.reject(reason())
  // Either may fail after the other has decided.
  aborted.promise.catch(() => undefined)
  work.catch(() => undefined)
  if (signal?.aborted === true) abort()
  signal?.addEventListener('abort', abort, { once: true })
  try {
    return await Promise.race([aborted.promise, work])
  } finally {
    // A signal that is made of one that lives for long is kept for as long as somebody listens.
    signal?.removeEventListener('abort', abort)
  }
}
