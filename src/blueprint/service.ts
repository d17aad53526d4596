import type { Duration } from '../core/duration.ts'
import type { Resources } from './resources.ts'
import type { Route } from './route.ts'
import type { Scale } from './scale.ts'
import type { Schedule } from './schedule.ts'
import type { Traffic } from './traffic.ts'

/** A secret by reference: the value is read from the environment of `tenfold`, or from the file of secrets, when an instance starts. */
export interface SecretReference {
  /**
   * Name of the variable of the environment, or in the file.
   * @example secret: 'STRIPE_KEY'
   */
  secret: string
}

/** How many instances run. */
export interface Instances {
  /**
   * Never fewer than these.
   * @default 1
   * @example min: 2
   */
  min?: number
  /**
   * How many are started; what scales by itself goes on from there.
   * @default min
   * @example desired: 3
   */
  desired?: number
  /**
   * Never more than these.
   * @default desired
   * @example max: 10
   */
  max?: number
  /**
   * Labels of places that they are spread over as evenly as can be. Each finds its own in `TENFOLD_ZONE`; on one machine
   * that is all there is to them.
   * @default none
   * @example zones: ['a', 'b']
   */
  zones?: readonly string[]
}

/**
 * A stateless HTTP server that listens on `$PORT`, files that the gateway serves, or, with a `schedule`, a job. It has an
 * `entry`, a `command` or `static`; the names it lists are what it may use, and all that `bind` gives it.
 */
export interface Service<
  DatabaseName extends string = string,
  CacheName extends string = string,
  TopicName extends string = string,
  QueueName extends string = string,
  ServiceName extends string = string,
> {
  /**
   * TypeScript or JavaScript file that starts the server, relative to the blueprint.
   * @default none: there is a `command` or `static`
   * @example entry: './services/api.ts'
   */
  entry?: string
  /**
   * Any other program: a line for `/bin/sh`, run in the blueprint's directory.
   * @default none: there is an `entry` or `static`
   * @example command: 'python3 app.py'
   */
  command?: string
  /**
   * Directory of a built front end, which the gateway serves below `routes`; nothing but `fallback` goes with them.
   * @default none: there is a program
   * @example static: './dist'
   */
  static?: string
  /**
   * File in `static` that answers for pages that no file has, for applications that route by themselves.
   * @default such pages are 404
   * @example fallback: 'index.html'
   */
  fallback?: string
  /**
   * Runs the program at these times instead of keeping it running: a cron expression alone, or with what goes with it.
   * @default it runs always
   * @example schedule: '0 3 * * *'
   */
  schedule?: string | Schedule
  /**
   * The port that the program listens on whatever `$PORT` says. A Node.js program is made to listen on `$PORT`
   * instead, so that several run side by side; of any other program there can be one instance.
   * @default it listens on `$PORT`
   * @example port: 3000
   */
  port?: number
  /**
   * Path prefixes that the gateway sends here, on whole segments; the longest match wins. Without routes a service is
   * internal. One may have a time-out of its own.
   * @default none, internal only
   * @example routes: ['/', { path: '/reports', timeout: '2m' }]
   */
  routes?: readonly (string | Route)[]
  /**
   * Databases it may use.
   * @default none
   * @example databases: ['orders']
   */
  databases?: readonly DatabaseName[]
  /**
   * Caches it may use.
   * @default none
   * @later this version refuses it
   * @example caches: ['recipes']
   */
  caches?: readonly CacheName[]
  /**
   * Topics it writes to.
   * @default none
   * @example publishes: ['order_placed']
   */
  publishes?: readonly TopicName[]
  /**
   * Topics it reads; its instances share the partitions. A service that only reads needs no server of its own.
   * @default none
   * @example consumes: ['order_placed']
   */
  consumes?: readonly TopicName[]
  /**
   * Queues it puts items into.
   * @default none
   * @example enqueues: ['emails']
   */
  enqueues?: readonly QueueName[]
  /**
   * Queues whose items it does; any number of instances share them. A service that only works needs no server of its own.
   * @default none
   * @example works: ['emails']
   */
  works?: readonly QueueName[]
  /**
   * Services it calls through the gateway, without circles.
   * @default none
   * @example calls: ['prices']
   */
  calls?: readonly ServiceName[]
  /**
   * Variables of its environment; secrets by reference. `PORT`, `HOST` and what begins with `TENFOLD_` are set by
   * Tenfold.
   * @default none
   * @example env: { KEY: { secret: 'SHOP_KEY' } }
   */
  env?: Readonly<Record<string, string | SecretReference>>
  /**
   * How many run.
   * @default one
   * @example instances: { min: 2, max: 4 }
   */
  instances?: Instances
  /**
   * What sets the number of instances, between `instances.min` and `instances.max`, which has to be given.
   * @default `instances.desired` for good
   * @example scale: { metric: 'cpu', target: 0.6 }, instances: { max: 4 }
   */
  scale?: Scale
  /**
   * What each instance may use.
   * @default no limit
   * @example resources: { cpu: 0.25, memory: '256MiB' }
   */
  resources?: Resources
  /**
   * Path that answers 2xx when an instance is ready.
   * @default ready when the port accepts
   * @example health: '/healthz'
   */
  health?: string
  /**
   * How long an instance may take to become ready.
   * @default '30s'
   * @example startTimeout: '1m'
   */
  startTimeout?: Duration
  /**
   * How long an instance may take to finish after SIGTERM; then it is killed.
   * @default '10s'
   * @example stopTimeout: '20s'
   */
  stopTimeout?: Duration
  /**
   * How long the gateway waits for the first byte of an answer; then 504.
   * @default '30s'
   * @example timeout: '5s'
   */
  timeout?: Duration
  /**
   * How the gateway treats its requests.
   * @default the cheaper of two instances, 128 requests each
   * @example traffic: { balance: { by: 'round-robin' } }
   */
  traffic?: Traffic
}
