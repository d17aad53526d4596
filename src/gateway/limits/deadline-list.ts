/** Something with a deadline. The links are the list's; being in the object, a request costs no allocation. */
export interface Deadlined {
  dueMs: number
  earlier: Deadlined | undefined
  later: Deadlined | undefined
  list: DeadlineList | undefined
  /** The deadline has passed; the item has been taken off the list. */
  onDeadline(): void
}

/**
 * Deadlines that all lie the same time ahead, so that they fall due in the order they were set: setting and cancelling
 * one is a few assignments, and one timer serves all.
 */
export interface DeadlineList {
  /** Time ahead of the deadlines set from now on. */
  timeoutMs: number
  /** Sets the item's deadline, anew if it had one, on this list or another. */
  set(item: Deadlined, nowMs: number): void
  /** Cancels the item's deadline; does nothing if it has none here. */
  cancel(item: Deadlined): void
  /** Ends every wait that is due. */
  sweep(nowMs: number): void
}

export function createDeadlineList(timeoutMs: number): DeadlineList {
  let first: Deadlined | undefined
  let last: Deadlined | undefined
  const list: DeadlineList = {
    timeoutMs,
    set(item, nowMs) {
      item.list?.cancel(item)
      item.dueMs = nowMs + list.timeoutMs
      item.list = list
      item.earlier = last
      item.later = undefined
      if (last === undefined) first = item
      else last.later = item
      last = item
    },
    cancel(item) {
      if (item.list !== list) return
      if (item.earlier === undefined) first = item.later
      else item.earlier.later = item.later
      if (item.later === undefined) last = item.earlier
      else item.later.earlier = item.earlier
      item.earlier = undefined
      item.later = undefined
      item.list = undefined
    },
    sweep(nowMs) {
      for (;;) {
        const due = first
        if (due === undefined || due.dueMs > nowMs) return
        list.cancel(due)
        due.onDeadline()
      }
    },
  }
  return list
}
