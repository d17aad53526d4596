/** The name of a variable in the environment of `tenfold`; the value is read when it is needed and never shown. */
export interface FromEnvironment {
  /**
   * Name of the variable.
   * @example env: 'ORDERS_URL'
   */
  env: string
}

/**
 * Who runs the store behind a database, cache or topic. Left out, Tenfold runs one on this machine; with `url`, a server
 * that already runs is used as it is: it is migrated, but never started, stopped or scaled.
 */
export interface Engine<Kind extends string> {
  /**
   * Who runs it; of a database it is always PostgreSQL.
   * @default run by Tenfold on this machine
   * @example engine: 'postgres'
   */
  engine?: Kind
  /**
   * Where the server is. Addresses hold passwords, so only the name of a variable is written down.
   * @default none
   * @example url: { env: 'ORDERS_URL' }
   */
  url?: FromEnvironment
}
