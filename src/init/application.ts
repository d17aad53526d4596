/** Something that was found out, and what says so. */
export interface Fact<Value> {
  readonly value: Value
  /** For people: `server.js:12 reads process.env.PORT`. */
  readonly because: string
}

/** How the program is started. */
export type Program =
  | /** A file that our Node runs. */ { readonly kind: 'entry'; readonly entry: string }
  | /** Shell words. */ { readonly kind: 'command'; readonly command: string }

/** How the program comes to the port that it listens on. */
export type PortUse =
  | /** It reads `PORT`. */ 'environment'
  | /** Its command line says it, and there it is `$PORT` now. */ 'command line'
  | /** Nothing shows it. */ 'unknown'
  | /** It always listens on this one. */ number

/** All that a blueprint for an existing application is written from. */
export interface Application {
  /** A name that a system can have. */
  readonly name: string
  /** What it is made with, for people: `Express`. */
  readonly framework: Fact<string>
  readonly program: Fact<Program>
  readonly port: Fact<PortUse>
  /** How many instances can run on one machine. */
  readonly instances: Fact<number>
  /** What has to be run once before it can start; undefined: nothing, or it has been. */
  readonly build: Fact<string> | undefined
  readonly health: Fact<string> | undefined
  /** A path that answers a visitor. */
  readonly page: Fact<string>
  /** Names of variables that it reads from a file which releases leave out. */
  readonly variables: Fact<readonly string[]> | undefined
  /** How the blueprint's file has to end, so that Node loads it and nobody else minds. */
  readonly extension: Fact<'ts' | 'mts' | 'mjs'>
  /** What to type before it can start, in this order. */
  readonly steps: readonly string[]
}
