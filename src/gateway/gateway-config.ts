import type { RequestMatch, ResolvedTraffic } from '../blueprint/resolved-traffic.ts'

/**
 * What the control plane tells the gateway: always the whole of it, never a difference, so that a message can be
 * repeated or lost and the next one mends it. The gateway keeps serving the last one it got.
 */
export interface GatewayConfig {
  /** Grows by one with each change; an older one than the last is ignored. */
  readonly version: number
  /** Public path prefixes, longest match first wins. */
  readonly routes: readonly GatewayRoute[]
  readonly services: Readonly<Record<string, GatewayService>>
  /** By database. @default none */
  readonly doors?: Readonly<Record<string, GatewayDoor>>
}

/** A port on loopback that leads to the primary of a database, whichever node that is. */
export interface GatewayDoor {
  readonly port: number
  /** Where that listens, and which primary it is; undefined: there is none for now. */
  readonly primary?: { readonly port: number; readonly term: number } | undefined
}

export interface GatewayRoute {
  /** `/` or `/reports`: matches the path itself and everything below it, on whole segments. */
  readonly prefix: string
  readonly service: string
  /** Time to the first byte of the answer before 504. @default that of the service */
  readonly requestTimeoutMs?: number | undefined
}

export interface GatewayService {
  /** Time to the first byte of the answer before 504. */
  readonly requestTimeoutMs: number
  readonly endpoints: readonly Endpoint[]
  /** @default DEFAULT_TRAFFIC */
  readonly traffic?: ResolvedTraffic
  /** For a front end, which has files instead of endpoints. */
  readonly files?: GatewayFiles
}

/** Files that the gateway serves itself. */
export interface GatewayFiles {
  /** Absolute: that of the release, then those of the ones before, for hashed names that are gone. At least one. */
  readonly directories: readonly string[]
  /** Path prefixes of the service, which are not part of a file's path. */
  readonly routes: readonly string[]
  /** File that answers for pages that no file has, relative to the directory; undefined: they are 404. */
  readonly fallback?: string | undefined
}

/** Where one instance listens. Only instances that are ready and not leaving are listed. */
export interface Endpoint {
  /** The instance's id: `api-1`. */
  readonly id: string
  readonly host: string
  readonly port: number
  /** Share of the traffic relative to the others. @default 1 */
  readonly weight?: number
  /**
   * It is of a new release that is tried: together with the others like it, it gets exactly the share that its weight
   * is of all weights, and what it answers is measured apart. @default false
   */
  readonly isCanary?: boolean
  /** Requests that all canaries get besides, whatever their share; the same for each of them. @default none */
  readonly match?: RequestMatch | undefined
}
