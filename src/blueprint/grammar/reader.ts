import { didYouMean } from '../../core/did-you-mean.ts'
import { anyOf, describeValue, kindOf } from '../describe-value.ts'
import type { Place } from '../place.ts'

/** Turns what the user wrote into a value; undefined means that the problem has been added to the place. */
export type Reader<Value> = (given: unknown, place: Place) => Value | undefined

/** The value that a reader reads. */
export type Read<SomeReader> = SomeReader extends Reader<infer Value> ? Value : never

/** Values by option; undefined where it was left out or is wrong. */
export type Options<Readers> = { readonly [Option in keyof Readers]: Read<Readers[Option]> | undefined }

/** What an object may have. */
export interface ObjectGrammar<Readers> {
  /** Named in messages: `a service`. */
  what: string
  options: Readers
  /** What to write, where something else than an object stands. @default the names of the options */
  hint?: string
  required?: readonly (keyof Readers & string)[]
  /** Options that a later version has. */
  planned?: readonly string[]
}

/** An object with known options. What can't be read is undefined, so that the rest is still checked. */
export function object<Readers extends Readonly<Record<string, Reader<unknown>>>>(
  grammar: ObjectGrammar<Readers>,
): Reader<Options<Readers>> {
  const { what, options, required = [], planned = [] } = grammar
  const names = Object.keys(options)
  return (given, place) => {
    if (!isObject(given)) {
      return place.invalid(`expected ${what}, got ${kindOf(given)}`, grammar.hint ?? `write { … } with ${anyOf(names)}`)
    }
    for (const name of Object.keys(given)) {
      if (given[name] === undefined || Object.hasOwn(options, name)) continue
      if (planned.includes(name)) {
        place.at(name).notImplemented(`this version has no ${name} yet`, `remove '${name}'`)
      } else {
        unknownName(place.at(name), { what: `an option of ${what}`, name, known: names })
      }
    }
    const read: Record<string, unknown> = {}
    for (const [name, reader] of Object.entries(options)) {
      const value = given[name]
      if (value !== undefined) read[name] = reader(value, place.at(name))
      else if (required.includes(name)) {
        place.at(name).invalid(`expected ${what} to have '${name}', got nothing`, `add '${name}'`)
      }
    }
    return read as Options<Readers>
  }
}

/** Names and what they stand for; undefined for what can't be read, since the name is there all the same. */
export function record<Value>(
  what: string,
  reader: Reader<Value>,
  name: { pattern: RegExp; says: string } = NAME,
): Reader<ReadonlyMap<string, Value | undefined>> {
  return (given, place) => {
    if (!isObject(given)) return place.invalid(`expected ${what} by name, got ${kindOf(given)}`, 'write { name: … }')
    const read = new Map<string, Value | undefined>()
    for (const [key, element] of Object.entries(given)) {
      if (element === undefined) continue
      if (!name.pattern.test(key)) place.at(key).invalid(`expected ${name.says}, got '${key}'`, 'choose another name')
      read.set(key, reader(element, place.at(key)))
    }
    return read
  }
}

/** Names that stand in file names, host names, variables and SQL. */
export const NAME: { readonly pattern: RegExp; readonly says: string } = {
  pattern: /^[a-z][a-z0-9_-]{0,39}$/,
  says: "a name of lower-case letters, digits, '-' and '_' that starts with a letter, 40 at most",
}

/** Elements in order. If one can't be read, the list can't, so that the index of each is the one it has in the file. */
export function list<Value>(
  what: string,
  reader: Reader<Value>,
  options: { min?: number } = {},
): Reader<readonly Value[]> {
  const min = options.min ?? 0
  return (given, place) => {
    if (!Array.isArray(given)) {
      const hint = typeof given === 'string' ? `write [${describeValue(given)}]` : 'write [ … ]'
      return place.invalid(`expected a list of ${what}, got ${kindOf(given)}`, hint)
    }
    if (given.length < min) return place.invalid(`expected a list of ${what}, got an empty one`, 'add at least one')
    const read = given.map((element, index) => reader(element, place.at(index)))
    return read.every((value) => value !== undefined) ? read : undefined
  }
}

/** One or several: a single value stands for a list of one. */
export function oneOrMore<Value>(what: string, reader: Reader<Value>): Reader<readonly Value[]> {
  const several = list(what, reader)
  return (given, place) => {
    if (Array.isArray(given)) return several(given, place)
    const value = reader(given, place)
    return value === undefined ? undefined : [value]
  }
}

/** One of several texts. */
export function oneOf<Name extends string>(...names: readonly Name[]): Reader<Name> {
  return (given, place) => {
    const found = names.find((name) => name === given)
    if (found !== undefined) return found
    const near = typeof given === 'string' ? didYouMean(given, names) : undefined
    const hint = near === undefined ? 'write one of them' : `write '${near}'`
    return place.invalid(`expected ${anyOf(names)}, got ${describeValue(given)}`, hint)
  }
}

/** Anything: the type is the user's own. */
export const anything: Reader<unknown> = (given) => given

/** Checked like everything else, and then refused, because this version can't run it. */
export function later<Value>(
  reader: Reader<Value>,
  what: string,
  isUsed: (value: Value) => boolean = () => true,
): Reader<Value> {
  return (given, place) => {
    const before = place.problemCount
    const value = reader(given, place)
    if (value !== undefined && place.problemCount === before && isUsed(value)) {
      place.notImplemented(`this version can't run ${what} yet`, `remove '${place.name}'`)
    }
    return value
  }
}

/** A name that does not exist, with the one that was probably meant. */
export function unknownName(
  place: Place,
  { what, name, known }: { what: string; name: string; known: readonly string[] },
): undefined {
  const near = didYouMean(name, known)
  return place.invalid(
    `expected ${what}, got '${name}'${near === undefined ? '' : `; did you mean '${near}'?`}`,
    near !== undefined
      ? `write '${near}', or remove '${name}'`
      : known.length === 0
        ? `there are none: describe '${name}' first, or remove it`
        : `use ${anyOf(known)}`,
  )
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Promise)
}
