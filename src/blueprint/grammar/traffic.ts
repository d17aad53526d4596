import { describeValue } from '../describe-value.ts'
import type { Place } from '../place.ts'
import type {
  ResolvedBalance,
  ResolvedRequestKey,
  ResolvedEjection,
  ResolvedProbe,
  ResolvedRate,
  ResolvedShed,
  ResolvedTraffic,
} from '../resolved-traffic.ts'
import { DEFAULT_TRAFFIC, IN_FLIGHT_MAX, QUEUE_LENGTH_MAX } from '../resolved-traffic.ts'
import type { Reader } from './reader.ts'
import { list, object, oneOf } from './reader.ts'
import { durationMs, number, shareBetween, sizeBytes } from './value.ts'

const count = number({ min: 1, max: 1_000, isInteger: true })
const rateCount = number({ min: 1, max: 1_000_000, isInteger: true })
const places = number({ min: 1, max: IN_FLIGHT_MAX, isInteger: true })
const balanceOptions = object({
  what: 'balance',
  options: {
    by: oneOf('peak-ewma', 'least-requests', 'round-robin', 'ring-hash'),
    key: requestKey,
  },
  required: ['by'],
})
const options: Reader<ReadTraffic> = object({
  what: 'traffic',
  options: {
    balance,
    slowStart: durationMs,
    inFlight: object({ what: 'inFlight', options: { soft: places, hard: places } }),
    queue: object({
      what: 'queue',
      options: { length: number({ min: 0, max: QUEUE_LENGTH_MAX, isInteger: true }), timeout: durationMs },
    }),
    probe: object({
      what: 'probe',
      options: { interval: durationMs, timeout: durationMs, failures: count, successes: count },
    }),
    ejection,
    panicBelow: number({ min: 0, max: 1 }),
    rate: object({
      what: 'rate',
      options: { requests: rateCount, per: durationMs, burst: rateCount, key: requestKey },
      required: ['requests'],
    }),
    adaptive: object({ what: 'adaptive', options: { start: places } }),
    shed: object({
      what: 'shed',
      options: { header: token, low: list('values of the header', priority, { min: 1 }), share: shareBetween },
      required: ['low'],
    }),
    body: sizeBytes(1, '1B'),
  },
})

export interface ReadTraffic {
  readonly balance: ResolvedBalance | undefined
  readonly slowStart: number | undefined
  readonly inFlight: { readonly soft: number | undefined; readonly hard: number | undefined } | undefined
  readonly queue: { readonly length: number | undefined; readonly timeout: number | undefined } | undefined
  readonly probe: ReadProbe | undefined
  readonly ejection: ReadEjection | 'off' | undefined
  readonly panicBelow: number | undefined
  readonly rate: ReadRate | undefined
  readonly adaptive: { readonly start: number | undefined } | undefined
  readonly shed: ReadShed | undefined
  readonly body: number | undefined
}

interface ReadShed {
  readonly header: string | undefined
  readonly low: readonly string[] | undefined
  readonly share: number | undefined
}

interface ReadRate {
  readonly requests: number | undefined
  readonly per: number | undefined
  readonly burst: number | undefined
  readonly key: ResolvedRequestKey | undefined
}

interface ReadProbe {
  readonly interval: number | undefined
  readonly timeout: number | undefined
  readonly failures: number | undefined
  readonly successes: number | undefined
}

interface ReadEjection {
  readonly after: number | undefined
  readonly for: number | undefined
  readonly atMost: number | undefined
}

/** How the gateway treats the requests of a service, and what can be seen from that alone. */
export const traffic: Reader<ReadTraffic> = (given, place) => {
  const read = options(given, place)
  const { soft, hard = DEFAULT_TRAFFIC.inFlight.hard } = read?.inFlight ?? {}
  if (soft !== undefined && soft > hard) {
    place
      .at('inFlight')
      .at('soft')
      .invalid(`expected inFlight.hard, ${hard}, or less, got ${soft}`, "lower 'soft', or raise 'hard'")
  }
  if (read?.adaptive?.start !== undefined && read.adaptive.start > hard) {
    place
      .at('adaptive')
      .at('start')
      .invalid(`expected inFlight.hard, ${hard}, or less, got ${read.adaptive.start}`, "lower 'start', or raise 'hard'")
  }
  if (read?.slowStart !== undefined && read.balance?.by === 'ring-hash') {
    place
      .at('slowStart')
      .invalid("expected none with 'ring-hash': keys move once, when an instance comes", "remove 'slowStart'")
  }
  return read
}

/** Fills every default in; `health` is the service's health path. */
export function resolveTraffic(read: ReadTraffic | undefined, health: string | undefined): ResolvedTraffic {
  const { hard = DEFAULT_TRAFFIC.inFlight.hard, soft = hard } = read?.inFlight ?? {}
  return {
    balance: read?.balance ?? DEFAULT_TRAFFIC.balance,
    slowStartMs: read?.slowStart ?? DEFAULT_TRAFFIC.slowStartMs,
    inFlight: { soft, hard },
    queue: { length: read?.queue?.length ?? DEFAULT_TRAFFIC.queue.length, timeoutMs: read?.queue?.timeout },
    probe: read?.probe === undefined || health === undefined ? undefined : resolveProbe(read.probe, health),
    ejection: read?.ejection === 'off' ? undefined : resolveEjection(read?.ejection),
    panicBelow: read?.panicBelow ?? DEFAULT_TRAFFIC.panicBelow,
    rate: read?.rate === undefined ? undefined : resolveRate(read.rate),
    adaptive: read?.adaptive === undefined ? undefined : { start: read.adaptive.start ?? Math.min(4, hard) },
    shed: read?.shed === undefined ? undefined : resolveShed(read.shed),
    bodyBytesMax: read?.body,
  }
}

function resolveRate({ requests = 1, per: perMs = 1_000, burst = requests, key = 'client' }: ReadRate): ResolvedRate {
  return { requests, perMs, burst, key }
}

function resolveShed({ header = 'x-priority', low = [], share = 0.5 }: ReadShed): ResolvedShed {
  return { header: header.toLowerCase(), low: low.map((value) => value.toLowerCase()), share }
}

function resolveProbe(read: ReadProbe, path: string): ResolvedProbe {
  const { interval: intervalMs = 5_000, timeout = 1_000, failures = 3, successes = 2 } = read
  return { path, intervalMs, timeoutMs: timeout, failures, successes }
}

function resolveEjection({ after, for: forMs, atMost }: Partial<ReadEjection> = {}): ResolvedEjection {
  const byDefault = DEFAULT_TRAFFIC.ejection as ResolvedEjection
  return { after: after ?? byDefault.after, forMs: forMs ?? byDefault.forMs, atMost: atMost ?? byDefault.atMost }
}

function ejection(given: unknown, place: Place): ReadEjection | 'off' | undefined {
  if (given === 'off') return given
  if (typeof given === 'object' && given !== null) return ejectionOptions(given, place)
  return place.invalid(`expected 'off' or { after, for, atMost }, got ${describeValue(given)}`, "write 'off', or { … }")
}

const ejectionOptions = object({
  what: 'ejection',
  options: { after: count, for: durationMs, atMost: number({ min: 0, max: 1 }) },
})

function balance(given: unknown, place: Place): ResolvedBalance | undefined {
  if (typeof given === 'string') {
    return place.invalid(`expected balance as { by }, got ${describeValue(given)}`, `write { by: '${given}' }`)
  }
  const read = balanceOptions(given, place)
  if (read?.by === undefined) return undefined
  if (read.by === 'ring-hash') {
    if (read.key !== undefined) return { by: read.by, key: read.key }
    if ((given as { key?: unknown }).key !== undefined) return undefined
    return place.invalid("expected 'ring-hash' to have a 'key', got none", "add key: 'client', or { header: 'x-user' }")
  }
  if ((given as { key?: unknown }).key === undefined) return { by: read.by }
  return place
    .at('key')
    .invalid(
      `expected a key with 'ring-hash' only, got one with '${read.by}'`,
      "remove 'key', or write by: 'ring-hash'",
    )
}

function requestKey(given: unknown, place: Place): ResolvedRequestKey | undefined {
  if (given === 'client') return given
  if (typeof given !== 'object' || given === null) {
    return place.invalid(
      `expected 'client', { header } or { cookie }, got ${describeValue(given)}`,
      "write 'client', { header: 'x-user' } or { cookie: 'session' }",
    )
  }
  const read = keyOptions(given, place)
  if (read === undefined) return undefined
  if (read.header !== undefined && read.cookie === undefined) return { header: read.header.toLowerCase() }
  if (read.cookie !== undefined && read.header === undefined) return { cookie: read.cookie }
  return place.invalid("expected one of 'header' and 'cookie'", 'keep one of them')
}

/** A value of a header, without blanks around it. */
function priority(given: unknown, place: Place): string | undefined {
  return typeof given === 'string' && /^[!-~](?:[ -~]{0,98}[!-~])?$/.test(given)
    ? given
    : place.invalid(`expected the value of a header, got ${describeValue(given)}`, "write it as text, such as 'batch'")
}

/** A token of HTTP, which names of headers and of cookies are. */
function token(given: unknown, place: Place): string | undefined {
  return typeof given === 'string' && /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$/.test(given)
    ? given
    : place.invalid(`expected a name, got ${describeValue(given)}`, 'write it as in HTTP, without a colon')
}

const keyOptions = object({ what: 'a key', options: { header: token, cookie: token } })
