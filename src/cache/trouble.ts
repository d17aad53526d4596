import diagnostics from 'node:diagnostics_channel'

/** Where caches of this process tell what goes wrong without anybody waiting for it. */
export const TROUBLE_CHANNEL = 'tenfold:cache:trouble'

/** Published on `TROUBLE_CHANNEL`. */
export interface CacheTrouble {
  /** What was tried: `'reading invalidations'`. */
  readonly doing: string
  /** @default of all caches of the process */
  readonly cache?: string | undefined
  readonly error: unknown
}

const channel = diagnostics.channel(TROUBLE_CHANNEL)

/** Tells whoever listens. */
export function reportTrouble(trouble: CacheTrouble): void {
  if (channel.hasSubscribers) channel.publish(trouble)
}
