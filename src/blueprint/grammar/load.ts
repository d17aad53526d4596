import { describeValue } from '../describe-value.ts'
import type { Place } from '../place.ts'
import type { Arrivals } from '../scenario.ts'
import type { Reader } from './reader.ts'
import { list, object, oneOf } from './reader.ts'
import type { ReadScenario } from './scenario.ts'
import { scenario } from './scenario.ts'
import { durationMs, number, positive, ratePerSecond, text } from './value.ts'

export interface ReadLoad {
  readonly peak: number | undefined
  readonly scenarios: readonly ReadScenario[] | undefined
  readonly arrivals: Arrivals | undefined
  readonly duration: number | undefined
  readonly timeScale: number | undefined
}

const shape = oneOf('constant', 'poisson', 'ramp', 'spike', 'day', 'trace')
const multiple = number({ min: 0, max: 1_000 })
const share = number({ min: 0, max: 1 })
const forms = {
  constant: object({ what: 'constant arrivals', options: { shape } }),
  poisson: object({ what: 'Poisson arrivals', options: { shape } }),
  ramp: object({ what: 'a ramp', options: { shape, from: multiple, to: multiple } }),
  spike: object({ what: 'a spike', options: { shape, base: multiple, width: positive('a share', 1) } }),
  day: object({ what: 'a day', options: { shape, night: share } }),
  trace: object({
    what: 'a trace',
    options: { shape, file: text('a CSV file'), column: text('a column') },
    required: ['file'],
  }),
}

/** How sessions arrive. */
function arrivals(given: unknown, place: Place): Arrivals | undefined {
  if (typeof given !== 'object' || given === null) {
    const hint = typeof given === 'string' ? `write { shape: ${describeValue(given)} }` : "write { shape: 'poisson' }"
    return place.invalid(`expected arrivals as { shape, … }, got ${describeValue(given)}`, hint)
  }
  const name = shape('shape' in given ? given.shape : undefined, place.at('shape'))
  if (name === undefined) return undefined
  const before = place.problemCount
  forms[name](given, place)
  return place.problemCount === before ? (given as Arrivals) : undefined
}

/** The peak that the system has to carry. */
export const load: Reader<ReadLoad> = object({
  what: 'a load',
  options: {
    peak: ratePerSecond,
    scenarios: list('scenarios', scenario, { min: 1 }),
    arrivals,
    duration: durationMs,
    timeScale: positive('seconds of the story per second', 86_400),
  },
  required: ['peak', 'scenarios'],
})
