import { describeValue } from '../describe-value.ts'
import type { Place } from '../place.ts'
import type { ResolvedScale } from '../resolved-scale.ts'
import type { Reader } from './reader.ts'
import { object, oneOf, record } from './reader.ts'
import { durationMs, positive, text } from './value.ts'

const metric = oneOf('cpu', 'elu', 'inflight', 'arrivals', 'lag', 'custom')
const labels = record('labels', text('the value of a label'), {
  pattern: /^[a-zA-Z_][a-zA-Z0-9_]*$/,
  says: "the name of a label: letters, digits and '_'",
})
const forms = {
  cpu: form(positive('a share', 1)),
  elu: form(positive('a share', 1)),
  inflight: form(positive('requests per instance', 1_000_000)),
  arrivals: form(positive('requests per second per instance', 1_000_000)),
  lag: form(seconds),
  custom: form(positive('a number per instance', 1_000_000_000), {
    options: { name: gaugeName, from: path, labels },
    required: ['name'],
  }),
}

export interface ReadScale {
  readonly metric: ResolvedScale['metric'] | undefined
  readonly name?: string | undefined
  readonly from?: string | undefined
  readonly labels?: ReadonlyMap<string, string | undefined> | undefined
  readonly target: number | undefined
  readonly out: { readonly above: number | undefined; readonly for: number | undefined } | undefined
  readonly in: { readonly below: number | undefined; readonly for: number | undefined } | undefined
}

/** Those of Kubernetes. */
const TOLERANCE = 0.1
const IN_STABILISATION_MS = 300_000
const LAG_MS_MIN = 1_000

/** What sets the number of instances. */
export const scale: Reader<ReadScale> = (given, place) => {
  if (typeof given !== 'object' || given === null) {
    return place.invalid(
      `expected scale as { metric, target }, got ${describeValue(given)}`,
      "write { metric: 'cpu', target: 0.6 }",
    )
  }
  const wanted = 'metric' in given ? given.metric : undefined
  if (wanted === 'latency') {
    return place
      .at('metric')
      .invalid(
        "expected a signal that more instances bring down, got 'latency': it also rises when a database or another service is slow, and more instances then make that worse",
        "scale on 'inflight' or 'cpu', and write the latency as an objective",
      )
  }
  const name = metric(wanted, place.at('metric'))
  return name === undefined ? undefined : checkThresholds(forms[name](given, place), place)
}

/** Every default filled in. Only for a scale in which no problem was found. */
export function resolveScale(read: ReadScale): ResolvedScale {
  const target = read.target as number
  const thresholds = {
    target,
    tolerance: {
      out: read.out?.above === undefined ? TOLERANCE : share(read.out.above / target - 1),
      in: read.in?.below === undefined ? TOLERANCE : share(1 - read.in.below / target),
    },
    stabilisationMs: { out: read.out?.for ?? 0, in: read.in?.for ?? IN_STABILISATION_MS },
  }
  if (read.metric !== 'custom') return { metric: read.metric!, ...thresholds }
  const { name, from = '/metrics', labels = new Map() } = read
  return { metric: 'custom', name: name!, from, labels: Object.fromEntries(labels), ...thresholds }
}

/** Without what binary fractions add: 0.66 is 0.1 above 0.6. */
function share(value: number): number {
  return Number(value.toFixed(6))
}

interface Additional<Readers> {
  options: Readers
  required: readonly (keyof Readers & string)[]
}

function form<Readers extends Readonly<Record<string, Reader<unknown>>> = Readonly<Record<never, never>>>(
  threshold: Reader<number>,
  additional?: Additional<Readers>,
) {
  return object({
    what: 'scale',
    options: {
      metric,
      target: threshold,
      out: object({ what: "'out'", options: { above: threshold, for: durationMs } }),
      in: object({ what: "'in'", options: { below: threshold, for: durationMs } }),
      ...(additional?.options as Readers),
    },
    required: ['target', ...(additional?.required ?? [])],
  })
}

function seconds(given: unknown, place: Place): number | undefined {
  const ms = durationMs(given, place)
  if (ms === undefined || ms >= LAG_MS_MIN) return ms === undefined ? undefined : ms / 1_000
  return place.invalid(`expected a second or more, got ${describeValue(given)}`, 'lags are read once a second')
}

function gaugeName(given: unknown, place: Place): string | undefined {
  if (typeof given === 'string' && /^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(given)) return given
  return place.invalid(
    `expected the name of a gauge, of letters, digits, '_' and ':', got ${describeValue(given)}`,
    "write it as it is published, such as 'jobs_waiting'",
  )
}

function path(given: unknown, place: Place): string | undefined {
  if (typeof given === 'string' && /^\/[\x21-\x7e]*$/.test(given)) return given
  return place.invalid(
    `expected a path that starts with '/', got ${describeValue(given)}`,
    "write the path at which instances publish it, such as '/metrics'",
  )
}

/** Around the target there is a band in which nothing happens. */
function checkThresholds(read: ReadScale | undefined, place: Place): ReadScale | undefined {
  const { target, out, in: inward } = read ?? {}
  if (target === undefined) return read
  if (out?.above !== undefined && out.above < target) {
    place
      .at('out')
      .at('above')
      .invalid(`expected the target, ${target}, or more, got ${out.above}`, 'raise it, or lower the target')
  }
  if (inward?.below !== undefined && inward.below > target) {
    place
      .at('in')
      .at('below')
      .invalid(`expected the target, ${target}, or less, got ${inward.below}`, 'lower it, or raise the target')
  }
  return read
}
