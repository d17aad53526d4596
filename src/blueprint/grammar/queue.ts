import type { Place } from '../place.ts'
import type { ReadCarrier } from './carrier.ts'
import { carrier } from './carrier.ts'
import { fromEnvironment } from './engine.ts'
import { checkEngine } from './held-engine.ts'
import type { Reader } from './reader.ts'
import { object, oneOf } from './reader.ts'
import { number, text } from './value.ts'

export interface ReadQueue {
  readonly engine: 'postgres' | 'rabbitmq' | undefined
  readonly url: { readonly env: string | undefined } | undefined
  readonly item: ReadCarrier | undefined
  readonly database: string | undefined
  readonly concurrency: number | undefined
  readonly concurrencyPerKey: number | undefined
}

const atOnce = number({ min: 1, max: 100_000, isInteger: true })
const options = {
  engine: oneOf('postgres', 'rabbitmq'),
  url: fromEnvironment,
  item: carrier,
  database: text('the name of a database'),
  concurrency: atOnce,
  concurrencyPerKey: atOnce,
}

/** A queue and what can be seen from it alone. */
export const queue: Reader<ReadQueue> = (given, place) => {
  const read = object({ what: 'a queue', options })(given, place)
  if (read === undefined) return undefined
  checkEngine(read, place, { what: 'a queue', runs: ['rabbitmq'] })
  if (read.engine === 'rabbitmq') checkRabbit(read, place)
  return read
}

/** What a queue in PostgreSQL can have, and one on RabbitMQ can't. */
function checkRabbit(read: ReadQueue, place: Place): void {
  for (const option of ['database', 'concurrency', 'concurrencyPerKey'] as const) {
    if (read[option] === undefined) continue
    const why = option === 'database' ? 'the broker holds all of it' : 'the broker counts over no more than one worker'
    place.at(option).invalid(`expected a queue on RabbitMQ to have no '${option}': ${why}`, `remove '${option}'`)
  }
}
