import type { Fact, PortUse, Program } from './application.ts'

/** How a program is started, and what that already tells. */
export interface Start {
  readonly program: Fact<Program>
  /** The file in which to look for the rest; undefined: there is nothing to look at. */
  readonly source: string | undefined
  /** Where the way it is started tells about the port. */
  readonly port: Fact<PortUse> | undefined
  /** Where the way it is started tells what it is made with. */
  readonly framework: Fact<string> | undefined
  readonly build: Fact<string> | undefined
}
