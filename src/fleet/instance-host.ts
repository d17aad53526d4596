import type { ResolvedService } from '../blueprint/resolved-blueprint.ts'
import type { Release } from './release.ts'

/**
 * Where instances run: processes of this machine (`instance-hosts/local.ts`), a simulation in tests
 * (`testing/simulated-host.ts`).
 */
export interface InstanceHost {
  /**
   * Starts one instance. Resolves once its program runs, which is before it is ready; when it rejects, nothing of the
   * instance runs.
   *
   * @throws TF_SECRET_MISSING, TF_SPAWN_FAILED
   */
  start(request: InstanceRequest): Promise<RunningInstance>
}

/** What to run. */
export interface InstanceRequest {
  /** `api-1`: the id stays with the place in the set, a restarted instance keeps it. */
  readonly id: string
  readonly service: ResolvedService
  readonly release: Release
  /** Others serve, so until it is ready it lets them go first where the CPU is short. @default false */
  readonly givesWay?: boolean
}

/** One instance whose program has been started. */
export interface RunningInstance {
  readonly id: string
  readonly pid: number | undefined
  readonly host: string
  readonly port: number
  /** Why a wanted limit is not enforced; undefined when all are. */
  readonly limitsNotEnforced: string | undefined
  /** Resolves when the program has ended, for whatever reason. Never rejects. */
  readonly exited: Promise<InstanceExit>
  /** Asks once whether it can take requests: within `timeoutMs`, never rejects. */
  probe(timeoutMs: number): Promise<ProbeResult>
  /** SIGTERM, and SIGKILL to all that is left of it after `deadlineMs`. Resolves when nothing of it runs. */
  stop(deadlineMs: number): Promise<void>
}

/** How an instance ended. */
export interface InstanceExit {
  /** For people: `exited with code 1: Error: Cannot find module './menu.ts'`. */
  readonly reason: string
  /** What it printed last, oldest first, at most 20 lines. */
  readonly lastLines: readonly string[]
  /** The port it was given had been taken by somebody else in the meantime: nobody's fault, try another. */
  readonly isPortTaken: boolean
}

export type ProbeResult = { readonly isReady: true } | { readonly isReady: false; readonly reason: string }
