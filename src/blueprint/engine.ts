/** The name of a variable in the environment of `tenfold`; the value is read when it is needed and never shown. */
export interface FromEnvironment {
  env: string
}

/**
 * Who runs the store behind a database, cache or topic. Left out, Tenfold runs one on this machine; with `url`, a server
 * that already runs is used as it is: it is migrated, but never started, stopped or scaled.
 */
export interface Engine<Kind extends string> {
  /** @default run by Tenfold on this machine */
  engine?: Kind
  /** Where the server is. Addresses hold passwords, so only the name of a variable is written down. @default none */
  url?: FromEnvironment
}
