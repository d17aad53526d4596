import type { ResolvedBlueprint } from '../blueprint/resolved-blueprint.ts'
import type { FrameStore } from '../control/frame-store.ts'
import type { MetricFrame } from '../control/metric-frame.ts'
import type { Notice, SystemSnapshot } from '../control/snapshot.ts'
import type { SnapshotStore } from '../control/snapshot-store.ts'
import type { StateDirectory } from '../control/state-directory.ts'
import type { ChildUser } from '../core/child-user.ts'
import type { Clock } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import type { Secrets } from '../fleet/secrets.ts'
import type { Subprocesses } from '../core/subprocess.ts'

/** What every part of a running system is made from, and what it reports to. */
export interface PartsContext {
  /** What runs now: `apply` replaces it, so ask again rather than keep it. */
  readonly blueprint: ResolvedBlueprint
  replaceBlueprint(blueprint: ResolvedBlueprint): void
  /** Whether the command line decided on the gateway's listener, whatever the blueprint says. */
  readonly isGatewayGiven: boolean
  /** Service of which one instance listens for a debugger. */
  readonly inspected: string | undefined
  readonly state: StateDirectory
  /** The account of the children; undefined: ours. */
  readonly user: ChildUser | undefined
  readonly subprocesses: Subprocesses
  readonly clock: Clock
  /** Control time runs so many times as fast. */
  readonly timeScale: number
  readonly secrets: Secrets
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly snapshots: SnapshotStore
  readonly frames: FrameStore
  change(change: (snapshot: SystemSnapshot) => SystemSnapshot): void
  notice(notice: Omit<Notice, 'atEpochMs'>): void
  requestStop(): void
  /** A part can't start. While the system starts, what it has adopted is let go from now on, not stopped. */
  startFailed(): void
}

/** Keeps a frame. One that this version does not know is left out, and said; it must not end what reports it. */
export function keepFrame({ frames, notice }: PartsContext, frame: MetricFrame): void {
  try {
    frames.append(frame)
  } catch (error) {
    notice({ level: 'warning', message: `a metric frame of ${frame.source} is left out: ${messageOf(error)}` })
  }
}
