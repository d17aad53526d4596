import type { StoredItem } from './queue-engine.ts'

/** An item of a queue that somebody looks at. */
export interface PeekedItem extends StoredItem {
  /** `'limited'`: it may begin as soon as fewer of its key are under way. */
  readonly state: 'running' | 'waiting' | 'limited' | 'delayed'
  /** Since when a worker has it, or it may begin; of one that is delayed, when it may. */
  readonly atEpochMs: number
  /** How often it was tried before. */
  readonly attempts: number
  /** What its handler said last about how far it is. */
  readonly progress: string | undefined
}
