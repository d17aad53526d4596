import type { CacheSubject } from '../../test/integration/cache/fuzz/subject.ts'

/** A cache that is compared: its module exports one of these as `contender`, and `subject`, as workers have it. */
export interface CacheContender {
  readonly name: string
  /** Undefined if it is not installed. */
  version(): string | undefined
  /** Of the module, for workers. */
  readonly module: string
  /** Whether it has a way to tell other processes what is invalidated, and what that runs on. */
  readonly link: 'postgres' | 'redis' | undefined
  /** In one process, with values of these keys in memory: what a hit costs. */
  openFilled(keys: readonly string[]): Promise<FilledCache>
}

export interface FilledCache {
  /** Without a promise, where there is such a way. */
  peek?(key: string): unknown
  get(key: string): Promise<unknown>
  end(): Promise<void>
}

/** @see CacheContender.module */
export interface ContenderModule {
  readonly contender: CacheContender
  readonly subject: CacheSubject
}
