import type { ControlClient } from '../control/control-client.ts'
import type { DatabaseStatus, SystemSnapshot } from '../control/snapshot.ts'

/**
 * A rehearsed disaster: what happens, and what has to be true again afterwards. Plain data and pure functions but for
 * `strike`, which acts through the control socket and through nothing else.
 */
export interface Drill {
  /** As it is typed: `tenfold drill NAME`. */
  readonly name: string
  /** One line: what happens. */
  readonly summary: string
  /** Why it says nothing about this database; undefined when it can be held. */
  obstacle(scene: DrillScene): string | undefined
  /**
   * Makes it happen.
   *
   * @returns what was done, for the report
   */
  strike(scene: DrillScene, control: DrillControl): Promise<string>
  /** What is missing until the system is as whole as before; undefined when nothing is. */
  missing(before: DrillScene, now: DrillScene): string | undefined
}

/** A database of a running system, and what is around it. */
export interface DrillScene {
  readonly system: SystemSnapshot
  readonly database: DatabaseStatus
}

/** The part of a control client that a drill uses. */
export type DrillControl = Pick<ControlClient, 'snapshot' | 'command'>

/** The scene of a database that runs. */
export function sceneOf(system: SystemSnapshot, database: string): DrillScene {
  return { system, database: system.databases[database]! }
}
