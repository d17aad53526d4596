import type { Cancel, Clock } from '../../../core/clock.ts'

/** Says to all processes that something was published, seldom enough that it costs nothing. */
export interface Notifier {
  /** The next message names it. Returns at once. */
  wake(topic: number, partitions: Iterable<number>): void
  /** Says what is still to be said. */
  end(): Promise<void>
}

/** @see createNotifier */
export interface NotifierOptions {
  readonly clock: Clock
  /** Stands for whoever sends, without blanks; see `readWakeUp`. @default nobody */
  readonly origin?: string
  /** At most one message in this time. @default 10 */
  readonly intervalMs?: number
  /** What it rejects with is dropped: who listens looks now and then by himself. */
  send(payload: string): Promise<void>
}

/** More names than this make a message that wakes everybody. */
const NAMES_MAX = 200

/**
 * The first message goes at once, those of the next interval together at its end. Never in the transaction that publishes:
 * committing a NOTIFY takes a lock that the whole server has once.
 */
export function createNotifier({ clock, origin = '', intervalMs = 10, send }: NotifierOptions): Notifier {
  const names = new Set<string>()
  let cancel: Cancel | undefined
  let sending: Promise<void> | undefined
  function flush(): void {
    cancel = undefined
    if (names.size === 0) return
    const payload = [origin, ...(names.size > NAMES_MAX ? [] : names)].join(' ')
    names.clear()
    const nextMs = clock.nowMs() + intervalMs
    sending = send(payload)
      // oxlint-disable-next-line promise/prefer-await-to-then -- nobody waits for it
      .catch(() => undefined)
      .finally(() => {
        sending = undefined
        cancel ??= clock.schedule(Math.max(0, nextMs - clock.nowMs()), flush, { unref: true })
      })
  }
  return {
    wake(topic, partitions) {
      for (const partition of partitions) names.add(`${topic}.${partition}`)
      if (cancel === undefined && sending === undefined) flush()
    },
    async end() {
      await sending
      cancel?.()
      flush()
      await sending
      cancel?.()
    },
  }
}

/**
 * Calls with what a message names: a topic and its partition, or nothing, which is everybody. Not with what `origin` has
 * said, who has been heard already.
 */
export function readWakeUp(
  payload: string,
  call: (topic: number | undefined, partition: number | undefined) => void,
  origin?: string,
): void {
  const [from, ...names] = payload.split(' ')
  if (from === origin) return
  if (names.length === 0) call(undefined, undefined)
  for (const name of names) {
    const [, topic, partition] = /^(\d+)\.(\d+)$/.exec(name) ?? []
    if (topic !== undefined) call(Number(topic), Number(partition))
  }
}
