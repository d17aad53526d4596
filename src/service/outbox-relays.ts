import { AsyncLocalStorage } from 'node:async_hooks'
import type { Cancel, Clock } from '../core/clock.ts'
import { sleep } from '../core/clock.ts'
import type { Component } from '../core/component.ts'
import { reportTrouble } from '../topics/trouble.ts'
import { startPersistently } from './start-persistently.ts'

/** The relays of this process. */
export interface OutboxRelays {
  /** Something was put into this outbox. Returns at once. */
  wake(outbox: Outbox): void
  /**
   * What is in the outboxes then is moved by another process of the service, or the next; the last one moves what it can
   * within the deadline.
   */
  stop(deadlineMs: number, isLast: boolean): Promise<void>
}

/** What waits in one database to go to another. */
export interface Outbox {
  /** For people: `order_placed`. */
  readonly name: string
  /** Whether anything is there. */
  isUsed(): Promise<boolean>
  /** Whether anything that is there has not been moved. */
  isWaiting(): Promise<boolean>
  /** What moves it; made once. */
  relay(): Component
}

/**
 * An outbox that nobody uses costs a look in this time. One that is used gets its relay then, at the latest: whoever has put
 * something in may be gone.
 */
const LOOK_MS = 5_000
const DRAIN_LOOK_MS = 50

/**
 * Moves what is put into outboxes to where it belongs, from the first time on.
 *
 * @param outboxes of which what leaves one may pass through a later one; asked again and again, the same objects for the
 * same outboxes
 */
export function createOutboxRelays(outboxes: () => readonly Outbox[], clock: Clock): OutboxRelays {
  const relays = new Map<Outbox, Component>()
  const stopped = new AbortController()
  // A relay is no part of the request that happens to be first.
  const outside = AsyncLocalStorage.snapshot()
  let looking: Promise<void> | undefined
  let cancel: Cancel = () => {}

  function wake(outbox: Outbox): void {
    if (relays.has(outbox) || stopped.signal.aborted) return
    outside(() => {
      const relay = outbox.relay()
      const what = `relaying ${outbox.name}`
      relays.set(outbox, relay)
      startPersistently(relay, { clock, signal: stopped.signal, what }).catch((error: unknown) => {
        relays.delete(outbox)
        if (!stopped.signal.aborted) reportTrouble(what, error)
      })
    })
  }

  async function look(): Promise<void> {
    for (const outbox of outboxes()) {
      if (relays.has(outbox)) continue
      try {
        if (await outbox.isUsed()) wake(outbox)
      } catch (error) {
        reportTrouble(`looking into the outbox of ${outbox.name}`, error)
      }
    }
  }

  async function drain(deadlineMs: number): Promise<void> {
    const giveUpMs = clock.nowMs() + deadlineMs
    // In their order: what leaves one may pass through a later one.
    for (const outbox of outboxes()) {
      if (!relays.has(outbox)) continue
      const { name, isWaiting } = outbox
      try {
        while (clock.nowMs() < giveUpMs && (await isWaiting())) await sleep(clock, DRAIN_LOOK_MS)
      } catch (error) {
        reportTrouble(`emptying the outbox of ${name}`, error)
      }
    }
  }

  if (outboxes().length > 0) {
    cancel = clock.every(LOOK_MS, () => void (looking ??= look().finally(() => (looking = undefined))), { unref: true })
  }
  return {
    wake,
    async stop(deadlineMs, isLast) {
      cancel()
      await looking
      const endMs = clock.nowMs() + deadlineMs
      if (isLast) await drain(deadlineMs / 2)
      stopped.abort()
      await Promise.all([...relays.values()].map((relay) => relay.stop(Math.max(0, endMs - clock.nowMs()))))
    },
  }
}
