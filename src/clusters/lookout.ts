import type { Clock } from '../core/clock.ts'
import { sleep } from '../core/clock.ts'
import type { ClusterNode } from './node.ts'
import type { PrimaryWatch } from './primary-watch.ts'
import { statusOf } from './primary-watch.ts'
import { keepSlotsOnFollowers } from './slots.ts'

/** Looks at how the nodes of a cluster are, again and again. */
export interface Lookout {
  /** For how long the follower that may take over has not answered, while the primary did not either. */
  readonly successorSilentMs: number
  /** Waits, then looks. Never rejects; false when there was nothing to look at. */
  look(seen: Scene, signal: AbortSignal): Promise<boolean>
}

/** What is looked at; asked anew after the pause. */
export interface Scene {
  /** Nothing is under way, so there is no hurry. */
  readonly isSettled: boolean
  readonly primary: () => ClusterNode
  /** The follower that may take over. */
  readonly successor: () => ClusterNode | undefined
  readonly followers: () => readonly ClusterNode[]
  /** Ids of all nodes. */
  readonly all: readonly number[]
}

export const LOOK_MS = 1_000
/** While something is under way. */
const LOOK_OFTEN_MS = 200
/** How often slots on followers are moved along. */
const LOOKS_PER_CARE = 10

export function createLookout(watch: PrimaryWatch, clock: Clock): Lookout {
  let successorSilentMs = 0
  let looks = 0
  let isCaring = false

  async function careForSlots({ primary, followers, all }: Scene): Promise<void> {
    if (isCaring) return
    isCaring = true
    // A node that has just gone is seen by others; without slots, a follower may have to be copied anew.
    await keepSlotsOnFollowers(primary(), followers(), all).catch(() => undefined)
    isCaring = false
  }

  return {
    get successorSilentMs() {
      return successorSilentMs
    },
    async look(scene, signal) {
      await sleep(clock, scene.isSettled ? LOOK_MS : LOOK_OFTEN_MS, signal).catch(() => undefined)
      const primary = scene.primary()
      if (signal.aborted || primary.condition !== 'primary') return false
      await watch.ask(primary)
      const successor = scene.successor()
      // Whoever can't answer either says that the machine is busy.
      const isSilent = watch.silentMs() > 0 && successor?.condition === 'follower'
      const answers = isSilent ? await statusOf(successor, clock).then(yes, no) : true
      successorSilentMs = answers ? 0 : successorSilentMs + LOOK_MS
      if (scene.isSettled && ++looks % LOOKS_PER_CARE === 1) void careForSlots(scene)
      return true
    },
  }
}

const yes = (): boolean => true
const no = (): boolean => false
