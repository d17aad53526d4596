import type { Duration } from '../core/duration.ts'

/**
 * What one user does, as plain data: it can be checked at load, run by the generator in worker threads,
 * and rendered for k6 and JMeter.
 *
 * Text may hold placeholders: `{{user.id}}` is the column `id` of the feed `user`, `{{token}}` a value that an
 * earlier step extracted. A placeholder that has no value when its step is due fails that step, and says so.
 *
 * @example
 * const dinner: Scenario = {
 *   name: 'dinner',
 *   feeds: { user: { sequence: { from: 1, to: 50_000 }, pick: 'random' } },
 *   steps: [
 *     { name: 'sign in', method: 'POST', path: '/sessions', json: { user: '{{user.value}}' },
 *       extract: { token: { json: 'token' } }, check: { status: 201 } },
 *     { name: 'menu', path: '/menu', headers: { authorization: 'Bearer {{token}}' }, think: { mean: '2s' } },
 *   ],
 * }
 */
export interface Scenario {
  /**
   * Names the scenario in reports; unique within a blueprint.
   * @example name: 'dinner'
   */
  name: string
  /**
   * Share of the sessions, relative to the other scenarios.
   * @default 1
   * @example weight: 3
   */
  weight?: number
  /**
   * Values that differ between users. Each session takes one row of each feed.
   * @default none
   * @example feeds: { user: { sequence: { from: 1, to: 500 } } }
   */
  feeds?: Readonly<Record<string, Feed>>
  /**
   * In order; a session ends at the first step that fails.
   * @example steps: [{ name: 'menu', path: '/menu' }]
   */
  steps: readonly Step[]
}

/** Rows that sessions draw from. */
export type Feed = { pick?: 'random' | 'sequential' } & (
  | /** Whole numbers from `from` to `to`, both included, as `{{feed.value}}`. */ {
      sequence: { from: number; to: number }
    }
  | /** Rows written out. */ { rows: readonly Readonly<Record<string, string | number>>[] }
  | /** A CSV file with a header line, path relative to the blueprint. */ { file: string }
)

/** One request and what is expected of its answer. */
export interface Step {
  /**
   * Names the step in reports; unique within a scenario.
   * @example name: 'sign in'
   */
  name: string
  /**
   * Method of the request.
   * @default 'GET'
   * @example method: 'POST'
   */
  method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /**
   * Path and query, with placeholders (values are percent-encoded).
   * @example path: '/orders/{{order}}'
   */
  path: string
  /**
   * Headers, with placeholders in their values.
   * @default none
   * @example headers: { authorization: 'Bearer {{token}}' }
   */
  headers?: Readonly<Record<string, string>>
  /**
   * Sent as JSON; placeholders in any text. A text that is exactly one placeholder keeps the value's type.
   * @default no body
   * @example json: { user: '{{user.value}}' }
   */
  json?: JsonTemplate
  /**
   * Values kept from the answer for later steps.
   * @default none
   * @example extract: { token: { json: 'token' } }
   */
  extract?: Readonly<Record<string, Extract>>
  /**
   * What the answer must be.
   * @default { status: any below 400 }
   * @example check: { status: 201 }
   */
  check?: Check
  /**
   * Pause after the answer, before the next step; the next step's intended start counts from it.
   * @default none
   * @example think: { mean: '2s' }
   */
  think?: Think
  /**
   * Escape hatch: a module (path relative to the blueprint) whose export changes the request before it is sent. A
   * scenario that uses it can't be rendered for other tools.
   * @default none
   * @example code: { module: './sign.js', export: 'sign' }
   */
  code?: { module: string; export: string }
}

export type JsonTemplate =
  | string
  | number
  | boolean
  | null
  | readonly JsonTemplate[]
  | { readonly [key: string]: JsonTemplate }

/** Where a value is found in an answer. A value that is not there fails the step. */
export type Extract = (
  | /** Path into a JSON body: names and indexes joined by dots, `*` for every element. */ { json: string }
  | /** Header name, any case. */ { header: string }
  | /** Regular expression over the body; its first group is the value. */ { regex: string }
) & {
  /** Which of several matches. @default 'first' */
  pick?: 'first' | 'random'
}

/** What an answer must be; every part given must hold. */
export interface Check {
  /**
   * Status codes, one of which it is.
   * @default any status below 400
   * @example status: [200, 304]
   */
  status?: number | readonly number[]
  /**
   * JSON paths and the values expected there.
   * @default not looked at
   * @example json: { 'order.state': 'placed' }
   */
  json?: Readonly<Record<string, string | number | boolean | null>>
  /**
   * Text that is somewhere in the body.
   * @default not looked at
   * @example bodyContains: 'Thank you'
   */
  bodyContains?: string
}

/** A pause of a given mean. */
export interface Think {
  /**
   * Length of the pause, on average.
   * @example mean: '2s'
   */
  mean: Duration
  /**
   * How the lengths are spread: `uniform` is from 0 to twice the mean.
   * @default 'exponential'
   * @example distribution: 'uniform'
   */
  distribution?: 'exponential' | 'uniform' | 'constant'
}

/**
 * How sessions arrive, as plain data; rates are in sessions per second.
 *
 * - `constant`: evenly spaced · `poisson`: independent users at a steady rate
 * - `ramp`: Poisson, the rate rising linearly from `from` × to `to` × the peak
 * - `spike`: Poisson at `base` × the peak, and the peak itself for the middle `width` of the time
 * - `day`: Poisson along a day with a peak in it (16:00 to 19:00), the day compressed into the duration
 * - `trace`: Poisson along counts read from a CSV file, scaled so that its busiest interval is the peak
 */
export type Arrivals =
  | { shape: 'constant' }
  | { shape: 'poisson' }
  | { shape: 'ramp'; from?: number; to?: number }
  | { shape: 'spike'; base?: number; width?: number }
  | { shape: 'day'; night?: number }
  | { shape: 'trace'; file: string; column?: string }
