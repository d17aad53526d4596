import { AsyncLocalStorage } from 'node:async_hooks'
import type { Cancel, Clock } from '../core/clock.ts'
import type { Component } from '../core/component.ts'
import type { DatabaseConnection } from '../sql/database.ts'
import { hasEvents } from '../topics/logs/postgres/topic-catalog.ts'
import { createRelay } from '../topics/outbox-relay.ts'
import type { TopicLog } from '../topics/topic-log.ts'
import { reportTrouble } from '../topics/trouble.ts'
import { startPersistently } from './start-persistently.ts'

/** The relays of this process. */
export interface OutboxRelays {
  /** Something was, or will be, published in this outbox. Returns at once. */
  wake(outbox: Outbox): void
  /** Gives the partitions back. What is in the outboxes then is moved by another process of the service, or the next. */
  stop(deadlineMs: number): Promise<void>
}

/** Where a topic is published from, and where to. */
export interface Outbox {
  readonly topic: string
  readonly from: { readonly log: TopicLog; readonly database: DatabaseConnection }
  readonly to: { readonly log: TopicLog; readonly database: DatabaseConnection }
}

/**
 * An outbox that nobody uses costs a look in this time. One that has events gets its relay then, at the latest: whoever has
 * published them may be gone.
 */
const LOOK_MS = 5_000

/** Moves what is published in outboxes into the logs of their topics, from the first event on. */
export function createOutboxRelays(outboxes: readonly Outbox[], clock: Clock): OutboxRelays {
  const relays = new Map<Outbox, Component>()
  const stopped = new AbortController()
  // A relay is no part of the request that happens to publish first.
  const outside = AsyncLocalStorage.snapshot()
  let looking: Promise<void> | undefined
  let cancel: Cancel = () => {}

  function wake(outbox: Outbox): void {
    if (relays.has(outbox) || stopped.signal.aborted) return
    outside(() => {
      const { topic, from, to } = outbox
      const relay = createRelay({ topic, outbox: from.log, log: to.log, database: to.database, clock })
      relays.set(outbox, relay)
      startPersistently(relay, { clock, signal: stopped.signal, what: `relaying ${topic}` }).catch((error: unknown) => {
        relays.delete(outbox)
        if (!stopped.signal.aborted) reportTrouble(`relaying ${topic}`, error)
      })
    })
  }

  async function look(): Promise<void> {
    for (const outbox of outboxes) {
      if (relays.has(outbox)) continue
      try {
        if (await hasEvents(outbox.from.database, outbox.topic)) wake(outbox)
      } catch (error) {
        reportTrouble(`looking for events of ${outbox.topic} in an outbox`, error)
      }
    }
  }

  const lookOnce = (): void => {
    looking ??= look().finally(() => (looking = undefined))
  }
  if (outboxes.length > 0) {
    cancel = clock.every(LOOK_MS, lookOnce, { unref: true })
  }
  return {
    wake,
    async stop(deadlineMs) {
      stopped.abort()
      cancel()
      await looking
      await Promise.all([...relays.values()].map((relay) => relay.stop(deadlineMs)))
    },
  }
}
