import type { CpuThrottling, ResourceLimits } from './resource-limits.ts'

/** The control groups of one child. */
export interface ControlGroup {
  /** What is enforced, and why the rest is not. */
  readonly state: { enforced: boolean; reason?: string }
  /** Files to which a process writes `0` to enter; opened by us, so that the child needs no right of its own. */
  readonly joinFiles: readonly string[]
  /** What was made, for the record. */
  readonly directories: readonly string[]
  /** The limits turned out not to hold. */
  fail(reason: string): void
  cpuSeconds(): number | undefined
  memoryBytes(): number | undefined
  throttling(): CpuThrottling | undefined
  /** Removes the groups; their processes must be gone. */
  remove(): Promise<void>
}

/** Makes the control groups that hold a child to its limits, or says why it can't. */
export async function createControlGroup(limits: ResourceLimits | undefined): Promise<ControlGroup> {
  const hasLimits = limits?.cpu !== undefined || limits?.memoryBytes !== undefined
  const reason = hasLimits ? 'not built yet' : 'no limits were asked for'
  return {
    state: { enforced: false, reason },
    joinFiles: [],
    directories: [],
    fail: () => {},
    cpuSeconds: () => undefined,
    memoryBytes: () => undefined,
    throttling: () => undefined,
    remove: async () => {},
  }
}
