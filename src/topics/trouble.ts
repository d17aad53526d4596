import diagnostics from 'node:diagnostics_channel'

/** Where what goes wrong in the background is published, as `Trouble`; it is tried again. */
export const TROUBLE_CHANNEL = 'tenfold:topics:trouble'

/** Published on `TROUBLE_CHANNEL`. */
export interface Trouble {
  /** What was being done: `'keeping a lease'`. */
  readonly what: string
  readonly error: unknown
}

const channel = diagnostics.channel(TROUBLE_CHANNEL)

/** Tells whoever listens. */
export function reportTrouble(what: string, error: unknown): void {
  if (channel.hasSubscribers) channel.publish({ what, error } satisfies Trouble)
}
