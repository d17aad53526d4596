import { join } from 'node:path'

/** Which state: of the blueprint in this directory, of this name, in this configuration. */
export interface StateOwner {
  /** The blueprint's directory, absolute. */
  readonly directory: string
  readonly name: string
  /** `tenfold` for `tenfold.config.ts`, `before` for `before.config.ts`. */
  readonly configuration: string
}

/**
 * Where the state of a system lives. Only a path: nothing is looked at or made.
 *
 * @example stateDirectoryOf({ directory: '/app', name: 'shop', configuration: 'tenfold' }) // '/app/.tenfold/shop'
 * @example stateDirectoryOf({ directory: '/app', name: 'shop', configuration: 'before' }) // '/app/.tenfold/shop-before'
 */
export function stateDirectoryOf(owner: StateOwner): string {
  const suffix = owner.configuration === 'tenfold' ? '' : `-${owner.configuration}`
  return join(owner.directory, '.tenfold', `${owner.name}${suffix}`)
}

/** The files of a state directory; `docs/operating/state.md` says what is in them. */
export interface StatePaths {
  readonly directory: string
  /** Held by the control plane that owns the state; see `state-lock.ts`. */
  readonly lockFile: string
  /** Who holds the lock, for people and messages. */
  readonly holderFile: string
  /** Layout version and what was decided about places; see `state-record.ts`. */
  readonly recordFile: string
  /** The control plane that runs, and its socket; see `running-system.ts`. */
  readonly runFile: string
  /** The children that run, so that the next control plane adopts or reaps them. */
  readonly processesFile: string
  /** The releases that services ran. */
  readonly releasesFile: string
  /** The ports of doors to databases, by name. */
  readonly doorsFile: string
  readonly auditFile: string
  readonly logsDirectory: string
}

/** The paths inside a state directory. */
export function statePathsOf(directory: string): StatePaths {
  return {
    directory,
    lockFile: join(directory, 'lock'),
    holderFile: join(directory, 'holder.json'),
    recordFile: join(directory, 'state.json'),
    runFile: join(directory, 'run.json'),
    processesFile: join(directory, 'processes.json'),
    releasesFile: join(directory, 'releases.json'),
    doorsFile: join(directory, 'doors.json'),
    auditFile: join(directory, 'audit.log'),
    logsDirectory: join(directory, 'logs'),
  }
}
