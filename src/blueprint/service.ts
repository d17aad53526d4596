import type { Duration } from '../core/duration.ts'
import type { Resources } from './resources.ts'
import type { Scale } from './scale.ts'

/** A secret by reference: the value is read from the environment of `tenfold` when an instance starts. */
export interface SecretReference {
  /** Name of the variable of the environment. */
  secret: string
}

/** How many instances run. */
export interface Instances {
  /** Never fewer than these. @default 1 */
  min?: number
  /** How many are started. @default min */
  desired?: number
  /** Never more than these. @default desired */
  max?: number
}

/**
 * A stateless HTTP server that listens on `$PORT`. It has either an `entry` or a `command`; the names it lists are what
 * it may use, and all that `bind` gives it.
 */
export interface Service<
  DatabaseName extends string = string,
  CacheName extends string = string,
  TopicName extends string = string,
  ServiceName extends string = string,
> {
  /** TypeScript or JavaScript file that starts the server, relative to the blueprint. @default none: there is a `command` */
  entry?: string
  /** Any other program, run in the blueprint's directory: `'python3 app.py'`. @default none: there is an `entry` */
  command?: string
  /**
   * The port that the program listens on whatever `$PORT` says. A Node.js program is made to listen on `$PORT` instead,
   * so that several run side by side; of any other program there can be one instance. @default it listens on `$PORT`
   */
  port?: number
  /** Path prefixes that the gateway sends here, on whole segments, the longest first. @default none, internal only */
  routes?: readonly string[]
  /** Databases it may use. @default none */
  databases?: readonly DatabaseName[]
  /** Caches it may use. @default none */
  caches?: readonly CacheName[]
  /** Topics it writes to. @default none */
  publishes?: readonly TopicName[]
  /** Topics it reads; its instances share the partitions. @default none */
  consumes?: readonly TopicName[]
  /** Services it calls through the gateway, without circles. @default none */
  calls?: readonly ServiceName[]
  /** Variables of its environment; secrets by reference. @default none */
  env?: Readonly<Record<string, string | SecretReference>>
  /** How many run. @default one */
  instances?: Instances
  /** What sets the number of instances. @default `instances.desired` for good */
  scale?: Scale
  /** What each instance may use. @default no limit */
  resources?: Resources
  /** Path that answers 2xx when an instance is ready. @default ready when the port accepts */
  health?: string
  /** How long an instance may take to become ready. @default '30s' */
  startTimeout?: Duration
  /** How long an instance may take to finish after SIGTERM; then it is killed. @default '10s' */
  stopTimeout?: Duration
  /** How long the gateway waits for the first byte of an answer; then 504. @default '30s' */
  timeout?: Duration
}
