import type { Clock } from '../core/clock.ts'
import { sleep } from '../core/clock.ts'
import type { Session } from './session.ts'
import { isTransientConnectFailure } from './sql-failure.ts'

/** Opens connections for a pool, and is patient with a server that is not there for a moment. */
export interface SessionOpener {
  /** Why the last attempt failed; undefined when it did not, or nothing is known of this address. */
  readonly failure: unknown
  /**
   * Opens one, however often it takes.
   *
   * @param isWanted asked before each attempt
   * @returns undefined when it is not wanted any more
   * @throws what the server or the system said, if waiting does not help
   */
  open(isWanted: () => boolean): Promise<Session | undefined>
  /** The address has changed: attempts begin anew at once, and what comes of the old one is closed. */
  renew(): void
}

const RETRY_MS = [20, 50, 100, 200] as const

/** @param connect makes one attempt */
export function createSessionOpener(connect: () => Promise<Session>, clock: Clock): SessionOpener {
  let failure: unknown
  let renewal = new AbortController()
  return {
    get failure() {
      return failure
    },
    async open(isWanted) {
      for (let attempt = 0; isWanted(); attempt++) {
        const { signal } = renewal
        try {
          const session = await unlessRenewed(connect(), signal)
          if (session === undefined) continue
          failure = undefined
          return session
        } catch (error) {
          if (!isTransientConnectFailure(error)) throw error
          failure = error
          // A new address ends the pause.
          await sleep(clock, RETRY_MS[Math.min(attempt, RETRY_MS.length - 1)]!, signal).catch(() => undefined)
        }
      }
      return undefined
    },
    renew() {
      failure = undefined
      renewal.abort()
      renewal = new AbortController()
    },
  }
}

/** Undefined as soon as the address has changed: a server that hangs is not waited for. */
async function unlessRenewed(connecting: Promise<Session>, signal: AbortSignal): Promise<Session | undefined> {
  const renewed = Promise.withResolvers<undefined>()
  const onAbort = (): void => renewed.resolve(undefined)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    const session = await Promise.race([connecting, renewed.promise])
    if (!signal.aborted) return session
    void connecting.then(
      (late) => late.close(),
      () => undefined,
    )
    return undefined
  } catch (error) {
    if (signal.aborted) return undefined
    throw error
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
