import { describeValue } from '../describe-value.ts'
import type { Place } from '../place.ts'

/** What carries the type of events or items. */
export interface ReadCarrier {
  /** Whether values can be checked. */
  readonly hasSchema: boolean
}

/** A Standard Schema is an object, or a function, with a property of this name; a shape is an object with nothing in it. */
export function carrier(given: unknown, place: Place): ReadCarrier | undefined {
  if ((typeof given === 'object' && given !== null) || typeof given === 'function') {
    const schema: unknown = Reflect.get(given, '~standard')
    if (isStandard(schema)) return { hasSchema: true }
    if (schema === undefined && typeof given === 'object' && Object.keys(given).length === 0) {
      return { hasSchema: false }
    }
  }
  return place.invalid(
    `expected a Standard Schema of version 1, or a shape, got ${describeValue(given)}`,
    'write the schema itself, such as z.object({ … })',
  )
}

function isStandard(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  return 'version' in value && value.version === 1 && 'validate' in value && typeof value.validate === 'function'
}
