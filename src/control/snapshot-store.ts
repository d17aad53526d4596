import { isDeepStrictEqual } from 'node:util'
import { createChangeSignal } from './change-signal.ts'
import type { SystemSnapshot } from './snapshot.ts'

/** Holds the snapshot of the system and tells watchers of each change. */
export interface SnapshotStore {
  /** The snapshot now. Never changed in place: what you hold stays as it is. */
  current(): SystemSnapshot
  /**
   * Replaces the snapshot by `change` of it. A change that changes nothing is none: the version stays and nobody is
   * told. The version is the store's; what `change` returns in it is ignored.
   */
  update(change: (snapshot: SystemSnapshot) => SystemSnapshot): SystemSnapshot
  /**
   * The snapshots newer than `afterVersion`, the first at once if there is one. A watcher that is slow gets the newest
   * and misses those between. Ends with `signal` or `close`, each time after the newest state.
   */
  watch(afterVersion?: number, signal?: AbortSignal): AsyncGenerator<SystemSnapshot, void, undefined>
  /** Resolves with the snapshot once it is newer than `afterVersion`; with the one there is when `signal` is aborted. */
  newerThan(afterVersion: number, signal: AbortSignal): Promise<SystemSnapshot>
  /** Ends every watch. */
  close(): void
}

/**
 * A store that starts with `initial`.
 *
 * @example
 * const store = createSnapshotStore(initial)
 * store.update((snapshot) => ({ ...snapshot, phase: 'running' }))
 */
export function createSnapshotStore(initial: SystemSnapshot): SnapshotStore {
  return new VersionedSnapshotStore(initial)
}

class VersionedSnapshotStore implements SnapshotStore {
  #snapshot: SystemSnapshot
  #isClosed = false
  readonly #changed = createChangeSignal()

  constructor(initial: SystemSnapshot) {
    this.#snapshot = initial
  }

  current(): SystemSnapshot {
    return this.#snapshot
  }

  update(change: (snapshot: SystemSnapshot) => SystemSnapshot): SystemSnapshot {
    const before = this.#snapshot
    const next = { ...change(before), version: before.version }
    if (isDeepStrictEqual(next, before)) return before
    this.#snapshot = { ...next, version: before.version + 1 }
    this.#changed.notify()
    return this.#snapshot
  }

  async *watch(afterVersion = 0, signal?: AbortSignal): AsyncGenerator<SystemSnapshot, void, undefined> {
    let seen = afterVersion
    for (;;) {
      const isLast = signal?.aborted === true || this.#isClosed
      if (this.#snapshot.version > seen) {
        seen = this.#snapshot.version
        yield this.#snapshot
      } else if (!isLast) await this.#changed.next(signal)
      if (isLast) return
    }
  }

  async newerThan(afterVersion: number, signal: AbortSignal): Promise<SystemSnapshot> {
    for await (const snapshot of this.watch(afterVersion, signal)) return snapshot
    return this.#snapshot
  }

  close(): void {
    this.#isClosed = true
    this.#changed.notify()
  }
}
