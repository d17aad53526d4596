import type { Clock } from '../core/clock.ts'
import { sleep } from '../core/clock.ts'
import { quoteIdentifier } from './quote-identifier.ts'
import type { Session } from './session.ts'

/** Hears the notifications of one channel. */
export interface Listener {
  /** The address has changed: connects again. */
  renew(): void
  /** Closes the connection; nothing is called any more. Safe to call twice. */
  end(): Promise<void>
}

/** @see createListener */
export interface ListenerOptions {
  readonly clock: Clock
  readonly channel: string
  onNotification(payload: string): void
  open(): Promise<Session>
}

const PAUSE_MIN_MS = 50
const PAUSE_MAX_MS = 5_000
/** A connection is asked for a sign of life so often: one that is cut off silently would hear nothing for ever. */
const CHECK_MS = 15_000

/** Opens a connection and listens; whatever goes wrong, it tries again, at most every five seconds. */
export function createListener(options: ListenerOptions): Listener {
  const ended = new AbortController()
  let session: Session | undefined
  const running = keepListening()

  async function keepListening(): Promise<void> {
    const { clock } = options
    for (let failures = 0; !ended.signal.aborted; failures++) {
      const isHeard = await listen().catch(() => false)
      if (isHeard) failures = 0
      const pauseMs = Math.min(PAUSE_MAX_MS, PAUSE_MIN_MS * 2 ** failures)
      await sleep(clock, pauseMs, ended.signal).catch(() => undefined)
    }
  }

  /** Until the connection is lost. Whether it had been made. */
  async function listen(): Promise<boolean> {
    const mine = await options.open()
    session = mine
    const lost = new AbortController()
    const end = (): void => lost.abort()
    ended.signal.addEventListener('abort', end)
    mine.onLost(end)
    mine.onNotification((payload) => {
      if (!ended.signal.aborted) options.onNotification(payload)
    })
    try {
      if (ended.signal.aborted) return false
      await mine.ask(`listen ${quoteIdentifier(options.channel)}`)
      options.onNotification('')
      while (!lost.signal.aborted) {
        await sleep(options.clock, CHECK_MS, lost.signal).catch(() => undefined)
        if (!lost.signal.aborted && !(await isAlive(mine))) break
      }
      return true
    } finally {
      ended.signal.removeEventListener('abort', end)
      await mine.close()
      session = undefined
    }
  }

  async function isAlive(mine: Session): Promise<boolean> {
    const cancel = options.clock.schedule(CHECK_MS, () => mine.cut('it gave no sign of life'), { unref: true })
    try {
      await mine.ask('')
      return true
    } catch {
      return false
    } finally {
      cancel()
    }
  }

  return {
    renew: () => session?.cut('the address has changed'),
    async end() {
      ended.abort()
      await running
    },
  }
}
