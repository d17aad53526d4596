/** Tells any number of waiters that something has changed. */
export interface ChangeSignal {
  /** Wakes everybody who waits now. */
  notify(): void
  /** Resolves at the next change, or when `signal` is aborted. */
  next(signal?: AbortSignal): Promise<void>
}

/** Each waiter leaves when its wait ends, so that waits given up in a long quiet time collect nothing. */
export function createChangeSignal(): ChangeSignal {
  const waiting = new Set<() => void>()
  return {
    notify() {
      for (const wake of waiting) wake()
    },
    next(signal) {
      if (signal?.aborted === true) return Promise.resolve()
      return new Promise((resolve) => {
        const wake = (): void => {
          waiting.delete(wake)
          signal?.removeEventListener('abort', wake)
          resolve()
        }
        waiting.add(wake)
        signal?.addEventListener('abort', wake, { once: true })
      })
    },
  }
}
