import { LRUCache } from 'lru-cache'
import type { Lifetime } from './lifetime.ts'
import type { TagCounter, TagCounters } from './tag-counters.ts'
import { isOutdated } from './tag-counters.ts'

/** What is known of a key: its value, or that there is none. */
export interface Entry<Value> extends Lifetime {
  /** Undefined: there is none. */
  readonly value: Value | undefined
  /** The tags that it carries, if any. */
  readonly tags: readonly TagCounter[] | undefined
  /** How many invalidations the cache had seen when it was read. */
  readonly readAt: number
  freshUntilMs: number
}

/** Whether no tag of it was invalidated since it was read. */
export function isCurrent(entry: Entry<unknown>): boolean {
  return entry.tags === undefined || !isOutdated(entry.tags, entry.readAt)
}

/** What is kept in this process, the most recently used. */
export interface Tier<Value> {
  /** For the fast path: what it gives must be current and fresh to be served. */
  readonly values: { get(key: string): Entry<Value> | undefined }
  /** What is current: a value, or that there is none. */
  find(key: string): Entry<Value> | undefined
  /**
   * Takes the place of what is known of the key. It holds its tags already; they are released when it leaves.
   *
   * @throws what `size` throws, or if that is no number; then nothing is stored or released
   */
  store(key: string, entry: Entry<Value>): void
  drop(key: string): void
  clear(): void
  readonly entries: number
  readonly bytes: number
}

/** @see createTier */
export interface TierOptions<Value> {
  readonly capacityBytes: number
  /** @default no limit of its own */
  readonly entriesMax?: number | undefined
  readonly tags: TagCounters
  size(value: Value): number
}

/** An entry, its key and its place in the lists, without what it says. */
const ENTRY_BYTES = 200
/**
 * Keys that have no value share so much of the capacity and have it for themselves, so that somebody who asks for many that
 * never were drives out no value.
 */
const ABSENT_SHARE = 1 / 16

export function createTier<Value>({ capacityBytes, entriesMax, tags, size }: TierOptions<Value>): Tier<Value> {
  const list = (share: number): LRUCache<string, Entry<Value>> =>
    new LRUCache<string, Entry<Value>>({
      maxSize: Math.max(1, Math.floor(capacityBytes * share)),
      ...(entriesMax === undefined ? {} : { max: Math.max(1, Math.floor(entriesMax * share)) }),
      dispose: (entry) => {
        if (entry.tags !== undefined) tags.release(entry.tags)
      },
    })
  const values = list(1 - ABSENT_SHARE)
  const absents = list(ABSENT_SHARE)

  function bytesOf(key: string, { value, tags: its }: Entry<Value>): number {
    return ENTRY_BYTES + key.length * 2 + (its?.length ?? 0) * 8 + (value === undefined ? 0 : Math.ceil(size(value)))
  }

  return {
    values,
    find(key) {
      for (const entries of [values, absents]) {
        const entry = entries.get(key)
        if (entry === undefined) continue
        if (isCurrent(entry)) return entry
        entries.delete(key)
      }
      return undefined
    },
    store(key, entry) {
      const [entries, others] = entry.value === undefined ? [absents, values] : [values, absents]
      const bytes = bytesOf(key, entry)
      others.delete(key)
      if (bytes > entries.maxSize) {
        entries.delete(key)
        if (entry.tags !== undefined) tags.release(entry.tags)
      } else entries.set(key, entry, { size: bytes })
    },
    drop(key) {
      values.delete(key)
      absents.delete(key)
    },
    clear() {
      values.clear()
      absents.clear()
    },
    get entries() {
      return values.size + absents.size
    },
    get bytes() {
      return values.calculatedSize + absents.calculatedSize
    },
  }
}
