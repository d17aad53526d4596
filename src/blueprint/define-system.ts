import type { Cache } from './cache.ts'
import type { Database } from './database.ts'
import type { Gateway } from './gateway.ts'
import type { Load } from './load-description.ts'
import type { Mistake } from './mistake.ts'
import type { Objective } from './objective.ts'

import type { Service } from './service.ts'
import type { Topic } from './topic.ts'
import type { WorkQueue } from './work-queue.ts'

/** Where alerts go. */
export interface Alerts {
  /**
   * What has to wake somebody.
   * @default none
   * @example page: ['pagerduty']
   */
  page?: readonly AlertReceiver[]
  /**
   * What can wait until the morning.
   * @default none
   * @example ticket: ['slack']
   */
  ticket?: readonly AlertReceiver[]
}

/** A way to reach people. */
export type AlertReceiver = 'pagerduty' | 'slack' | 'webhook'

/** A whole system as plain data. Made by {@link defineSystem}; `typeof system` is what `bind` takes. */
export interface Blueprint<Databases, Caches, Topics, Queues, Services> {
  /**
   * Names the system: lower-case letters, digits and `-`, 40 at most.
   * @example name: 'shop'
   */
  name: string
  /**
   * PostgreSQL databases by name.
   * @default none
   * @example databases: { orders: {} }
   */
  databases?: Databases & { [Name in keyof Databases]: Known<Databases[Name], Database, 'a database', 'tables'> }
  /**
   * Caches by name.
   * @default none
   * @later this version refuses it
   * @example caches: { recipes: { ttl: '1h' } }
   */
  caches?: { [Name in keyof Caches]: Cache<Caches[Name]> }
  /**
   * Topics by name; at least one database has to hold them.
   * @default none
   * @example topics: { placed: { key: 'user_id', partitions: 12 } }, databases: { events: {} }
   */
  topics?: { [Name in keyof Topics]: Topic<Topics[Name], NoInfer<keyof Databases & string>> }
  /**
   * Queues by name; at least one database has to hold them.
   * @default none
   * @example queues: { emails: {} }, databases: { mails: {} }
   */
  queues?: { [Name in keyof Queues]: WorkQueue<Queues[Name], NoInfer<keyof Databases & string>> }
  /**
   * What runs, by name; at least one.
   * @example services: { web: { entry: './web.ts' } }
   */
  services: Services & {
    [Name in keyof Services]: Program<Services[Name]> & Known<Services[Name], Service, 'a service'>
  }
  /**
   * File of lines `NAME=value` for secrets that the environment of `tenfold` does not have. Its name ends in `.env`.
   * @default the environment alone
   * @example secrets: './secrets.env'
   */
  secrets?: string
  /**
   * What users of each service may count on.
   * @default none
   * @example objectives: { web: { availability: 0.999 } }
   */
  objectives?: { [Name in keyof NoInfer<Services>]?: Objective }
  /**
   * Where alerts go.
   * @default none
   * @later this version refuses it
   * @example alerts: { page: ['slack'] }
   */
  alerts?: Alerts
  /**
   * The peak that `rehearse` plays.
   * @default none
   * @example load: { peak: '20 sessions/s', scenarios: [visit] }
   */
  load?: Load
  /**
   * The public listener.
   * @default port 8080, reachable from this machine only
   * @example gateway: { port: 8080 }
   */
  gateway?: Gateway
}

/**
 * Describes a system: what runs, what it stores, what it promises and the peak it has to carry. Returns what it is
 * given; the compiler checks names, units and options, and `tenfold check` the rest.
 *
 * @example
 * const system = defineSystem({ name: 'hello', services: { web: { entry: './server.ts', routes: ['/'] } } })
 * export default system
 * export type System = typeof system
 */
export function defineSystem<
  const Databases extends {
    readonly [Name in keyof Databases]: Database<TablesIn<Databases[Name]>, ReferenceIn<Databases[Name]>>
  } = {},
  const Caches = {},
  const Topics = {},
  const Queues = {},
  const Services extends {
    readonly [Name in keyof Services]: Service<
      NameIn<Databases>,
      NameIn<Caches>,
      NameIn<Topics>,
      NameIn<Queues>,
      NameIn<Services>
    >
  } = {},
>(
  system: Blueprint<Databases, Caches, Topics, Queues, Services>,
): Blueprint<Databases, Caches, Topics, Queues, Services> {
  return system
}

type NameIn<Named> = keyof Named & string
type TablesIn<Given> = Given extends { readonly tables: infer Tables } ? Tables : unknown
type ReferenceIn<Given> = Given extends { readonly reference: readonly (infer Name extends string)[] } ? Name : never

/** Each service is one of the three. */
type Program<Given> = Given extends { readonly static: unknown }
  ? Given extends { readonly entry: unknown } | { readonly command: unknown }
    ? { static: Mistake<"a service has one of 'entry', 'command' and 'static'"> }
    : unknown
  : ProgramOf<Given>

type ProgramOf<Given> = Given extends { readonly entry: unknown }
  ? Given extends { readonly command: unknown }
    ? { command: Mistake<"a service has 'entry' or 'command', not both"> }
    : unknown
  : Given extends { readonly command: unknown }
    ? unknown
    : { entry: string }

/**
 * Inferring literals switches the compiler's check for unknown properties off; this switches it on again, at every
 * level, and puts the error on the property itself. `Opaque` names properties whose type is the user's own.
 */
type Known<Given, Allowed, What extends string, Opaque extends string = never> = {
  [Property in keyof Given]: Property extends Opaque
    ? unknown
    : Property extends keyof Chosen<Given, Allowed>
      ? KnownInside<Given[Property], Nested<Chosen<Given, Allowed>[Property]>, Property>
      : Mistake<`'${Property & string}' is not an option of ${What}`>
}

type KnownInside<Given, Allowed, Property> = [Allowed] extends [never]
  ? unknown
  : Given extends readonly unknown[]
    ? { [Index in keyof Given]: KnownInside<Given[Index], Nested<Elements<Allowed>>, Property> }
    : Known<Given, Allowed, `'${Property & string}'`>

/** Of several forms, the one that was given. */
type Chosen<Given, Allowed> = Allowed extends unknown ? (Given extends Allowed ? Allowed : never) : never

/** The forms of an option that have options themselves. */
type Nested<Option> = Option extends string | number | boolean | undefined
  ? never
  : Option extends readonly unknown[]
    ? [Nested<Elements<Option>>] extends [never]
      ? never
      : Option
    : Option

type Elements<List> = List extends readonly (infer Element)[] ? Element : never
