import type { StandardSchema } from './standard-schema.ts'

/** Never exists at run time: the property under which a shape carries its type. */
declare const carried: unique symbol

/** A TypeScript type carried by plain data. Made by {@link shape}. */
export interface Shape<Type> {
  readonly [carried]: Type
}

/**
 * Carries a type into a blueprint: the compiler knows it wherever the database, cache or topic is used, and at run time
 * it is an empty object. Nothing is validated; where values come from outside, give a Standard Schema (zod) instead.
 *
 * @example
 * interface Tables { order: { id: string; user_id: string; total_cents: number } }
 * const databases = { orders: { tables: shape<Tables>() } }
 */
export function shape<Type>(): Shape<Type> {
  return {} as Shape<Type>
}

/** The type that a shape or a Standard Schema carries; `unknown` for anything else. */
export type Carried<Carrier> =
  Carrier extends StandardSchema<infer Output> ? Output : Carrier extends Shape<infer Type> ? Type : unknown
