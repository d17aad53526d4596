import type { Clock } from '../../core/clock.ts'
import { sleep } from '../../core/clock.ts'
import { messageOf } from '../../core/errors.ts'
import type { DatabaseConnection } from '../../sql/database.ts'
import type { Listener } from '../../sql/listener.ts'
import type { ReferenceCopy } from './copy-reference.ts'
import { copyReference } from './copy-reference.ts'
import { REFERENCE_CHANNEL } from './guard-reference.ts'

/** Copies reference tables from the first shard to the others, when they have been written and again and again. */
export interface ReferenceKeeper {
  start(): void
  /** When it resolves nothing of it runs; the connections stay open. */
  stop(): Promise<void>
}

/** @see createReferenceKeeper */
export interface ReferenceKeeperOptions {
  /** The shards as they are now, in order, as owner or superuser. */
  readonly shards: () => readonly Pick<DatabaseConnection, 'query' | 'transaction' | 'listen'>[]
  /** Names of the tables as they are now. */
  readonly tables: () => readonly string[]
  readonly clock: Clock
  /** Called when shards have become different from the first, and can't be made the same, and when that is over. */
  readonly onTrouble: (failures: ReadonlyMap<number, Error>) => void
}

/** How often tables are compared though nobody said that they were written. */
const INTERVAL_MS = 10_000
/** The same where a shard was not reached, or would not take them. */
const RETRY_MS = 2_000
/** Changes that follow each other within this are one copy. */
const GATHER_MS = 20

/** Does nothing before it is started. */
export function createReferenceKeeper({ shards, tables, clock, onTrouble }: ReferenceKeeperOptions): ReferenceKeeper {
  let running: { readonly over: AbortController; readonly done: Promise<void> } | undefined
  let wake = Promise.withResolvers<void>()
  /** What was told last; empty: all is well. */
  let told = ''
  let failedRounds = 0

  async function keep(signal: AbortSignal): Promise<void> {
    let listener: Listener | undefined
    while (!signal.aborted) {
      if (tables().length > 0) listener ??= shards()[0]?.listen(REFERENCE_CHANNEL, () => wake.resolve())
      const failures = await copy()
      if (!signal.aborted) tell(failures)
      const pause = new AbortController()
      const pauseMs = failures.size > 0 ? RETRY_MS : INTERVAL_MS
      const passed = sleep(clock, pauseMs, AbortSignal.any([signal, pause.signal])).catch(() => undefined)
      await Promise.race([wake.promise, passed])
      pause.abort()
      await sleep(clock, GATHER_MS, signal).catch(() => undefined)
      wake = Promise.withResolvers<void>()
    }
    await listener?.end()
  }

  async function copy(): Promise<ReferenceCopy['failures']> {
    try {
      return (await copyReference(shards(), tables())).failures
    } catch (error) {
      return new Map([[0, error instanceof Error ? error : new Error(messageOf(error))]])
    }
  }

  /** One that fails once may be taking over just now. */
  function tell(failures: ReferenceCopy['failures']): void {
    failedRounds = failures.size > 0 ? failedRounds + 1 : 0
    if (failedRounds === 1) return
    const now = [...failures].map(([shard, { message }]) => `${shard}: ${message}`).join('\n')
    if (now !== told) onTrouble(failures)
    told = now
  }

  return {
    start() {
      if (running !== undefined) return
      const over = new AbortController()
      running = { over, done: keep(over.signal) }
    },
    async stop() {
      running?.over.abort()
      await running?.done
      running = undefined
    },
  }
}
