import type { Problem } from './problem.ts'

/** A place in a blueprint that is being checked; what is wrong there goes into one list. */
export interface Place {
  /** `services.api.routes[0]` */
  readonly path: string
  /** The last part of the path. */
  readonly name: string
  /** The place of a property or an element. */
  at(key: string | number): Place
  /** Adds a problem. Returns undefined, which readers return for "could not be read". */
  invalid(message: string, hint: string): undefined
  /** Adds a problem of the kind: right, but not in this version. */
  notImplemented(message: string, hint: string): undefined
  /** How many problems the whole list has: tells whether something added to it. */
  readonly problemCount: number
}

/** The root of a blueprint; problems are appended to the list. */
export function rootPlace(problems: Problem[]): Place {
  return placeAt(problems, '', '')
}

function placeAt(problems: Problem[], path: string, name: string): Place {
  const add = (code: Problem['code'], message: string, hint: string): undefined => {
    problems.push({ path, code, message, hint })
  }
  return {
    path,
    name,
    at: (key) => placeAt(problems, joined(path, key), String(key)),
    invalid: (message, hint) => add('TF_BLUEPRINT_INVALID', message, hint),
    notImplemented: (message, hint) => add('TF_NOT_IMPLEMENTED', message, hint),
    get problemCount() {
      return problems.length
    },
  }
}

function joined(path: string, key: string | number): string {
  if (typeof key === 'number') return `${path}[${key}]`
  if (!/^[A-Za-z_][\w-]*$/.test(key)) return `${path}[${JSON.stringify(key)}]`
  return path === '' ? key : `${path}.${key}`
}
