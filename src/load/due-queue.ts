import type { Session } from './session.ts'

/** Requests whose time has come and that wait for a connection, oldest first. Nothing is ever dropped from it silently. */
export interface DueQueue {
  readonly size: number
  /** Intended start of the oldest; Infinity when empty. */
  readonly oldestMs: number
  /** @returns false where the queue is full: the caller counts the request as failed */
  push(intendedMs: number, session: Session): boolean
  /** Takes the oldest; read `oldestMs` first. */
  shift(): Session
}

/** A ring that doubles until it holds `max` requests. */
export function createDueQueue(max: number): DueQueue {
  let intended = new Float64Array(Math.min(max, 1_024))
  let sessions: (Session | undefined)[] = Array.from({ length: intended.length })
  let head = 0
  let size = 0

  function grow(): void {
    const length = Math.min(max, intended.length * 2)
    const newIntended = new Float64Array(length)
    const newSessions: (Session | undefined)[] = Array.from({ length })
    for (let i = 0; i < size; i++) {
      const from = (head + i) % intended.length
      newIntended[i] = intended[from] as number
      newSessions[i] = sessions[from]
    }
    intended = newIntended
    sessions = newSessions
    head = 0
  }

  return {
    get size() {
      return size
    },
    get oldestMs() {
      return size === 0 ? Number.POSITIVE_INFINITY : (intended[head] as number)
    },
    push(intendedMs, session) {
      if (size === intended.length) {
        if (size >= max) return false
        grow()
      }
      const at = (head + size++) % intended.length
      intended[at] = intendedMs
      sessions[at] = session
      return true
    },
    shift() {
      const session = sessions[head] as Session
      sessions[head] = undefined
      head = (head + 1) % intended.length
      size--
      return session
    },
  }
}
