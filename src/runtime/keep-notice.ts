import type { Notice } from '../control/snapshot.ts'

/** The oldest leave: a snapshot stays small however long a system runs. */
const NOTICES_MAX = 20
/** What is said again sooner is not news, and every change of the snapshot wakes whoever watches it. */
const REPEAT_PAUSE_MS = 60_000

/**
 * The notices with one more, latest last; one about the same replaces what was said before. One text is there once, with
 * the time it was last said; said again within a minute it changes nothing, and the same list is returned.
 */
export function keepNotice(notices: readonly Notice[], notice: Notice): readonly Notice[] {
  const known = notices.find(({ message }) => message === notice.message)
  // The clock of the machine may have been set back.
  const isNews = known === undefined || Math.abs(notice.atEpochMs - known.atEpochMs) >= REPEAT_PAUSE_MS
  if (!isNews) return notices
  const isSuperseded = ({ about }: Notice): boolean => about !== undefined && about === notice.about
  return [...notices.filter((other) => other !== known && !isSuperseded(other)), notice].slice(-NOTICES_MAX)
}
