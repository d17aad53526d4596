import type { Connection } from './connection.ts'
import { openConnection } from './connection.ts'
import type { Connect } from './transport.ts'

/** Connections to the target, the most recently used first. */
export interface ConnectionPool {
  /** Open or opening. */
  readonly size: number
  /** On the way to being open. */
  readonly opening: number
  /** Most that were open at once. */
  readonly sizeMax: number
  /** Whether one more was wanted than may be open. */
  readonly wasLimited: boolean
  take(): Connection | undefined
  give(connection: Connection, nowMs: number): void
  /** Opens up to `count` more, within the maximum and `OPENING_MAX`. */
  grow(count: number): void
  /** Closes what has been idle for too long, and opens what is missing from the minimum. */
  tend(nowMs: number): void
  /** Closes one, for example after a time-out; its answer would come too late for anybody. */
  discard(connection: Connection): void
  /** All of them, to look for time-outs. */
  all(): Iterable<Connection>
  close(): void
}

/** What the pool's owner does with its connections. */
export interface PoolEvents {
  /** Opened just now, and idle. */
  onOpen(connection: Connection): void
  onAnswer(connection: Connection, isReusable: boolean): void
  /** Lost with a request on it. */
  onLost(connection: Connection, kind: 'connection' | 'protocol', problem: string): void
  /** An attempt to connect has failed. */
  onRefused(problem: string): void
}

/** Attempts to connect at a time: what a listener's backlog takes without resending. */
export const OPENING_MAX = 64

export interface PoolLimits {
  /** Kept open, used or not; at most `OPENING_MAX`. */
  readonly min: number
  readonly max: number
}

/** A pool without connections; `tend` opens the first. */
export function createConnectionPool(connect: Connect, limits: PoolLimits, events: PoolEvents): ConnectionPool {
  const connections = new Set<Connection>()
  const free: Connection[] = []
  let opening = 0
  let sizeMax = 0
  let wasLimited = false

  function open(): void {
    opening++
    let isOpening = true
    const connection = openConnection(connect, {
      onOpen(connection) {
        isOpening = false
        opening--
        events.onOpen(connection)
      },
      onAnswer(connection, isReusable) {
        if (!isReusable) {
          // The peer closes after each answer: a new connection takes its place before it is missed.
          connections.delete(connection)
          if (opening < OPENING_MAX) open()
        }
        events.onAnswer(connection, isReusable)
      },
      onLost(connection, kind, problem) {
        connections.delete(connection)
        if (isOpening) {
          opening--
          events.onRefused(problem)
        } else if (connection.session === undefined) {
          const at = free.indexOf(connection)
          if (at >= 0) free.splice(at, 1)
        } else {
          events.onLost(connection, kind, problem)
        }
      },
    })
    connections.add(connection)
    sizeMax = Math.max(sizeMax, connections.size)
  }

  function grow(count: number): void {
    const wanted = count - opening
    if (wanted > 0 && connections.size >= limits.max) wasLimited = true
    const allowed = Math.min(wanted, OPENING_MAX - opening, limits.max - connections.size)
    for (let i = 0; i < allowed; i++) open()
  }

  return {
    get size() {
      return connections.size
    },
    get opening() {
      return opening
    },
    get sizeMax() {
      return sizeMax
    },
    get wasLimited() {
      return wasLimited
    },
    take: () => free.pop(),
    give(connection, nowMs) {
      connection.idleSinceMs = nowMs
      free.push(connection)
    },
    grow,
    tend(nowMs) {
      // The stack is in the order of last use, so those idle for longest are at its bottom.
      let expired = 0
      while (expired < free.length) {
        const connection = free[expired] as Connection
        if (nowMs - connection.idleSinceMs <= connection.idleMaxMs) break
        connections.delete(connection)
        connection.destroy()
        expired++
      }
      if (expired > 0) free.splice(0, expired)
      const missing = Math.min(limits.min - connections.size, OPENING_MAX - opening)
      for (let i = 0; i < missing; i++) open()
    },
    discard(connection) {
      connections.delete(connection)
      connection.destroy()
    },
    all: () => connections,
    close() {
      for (const connection of connections) connection.destroy()
      connections.clear()
      free.length = 0
    },
  }
}
