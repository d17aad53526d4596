import { describeValue } from '../describe-value.ts'
import type { Place } from '../place.ts'
import type { ResolvedScale } from '../resolved-scale.ts'
import type { Reader } from './reader.ts'
import { object, oneOf } from './reader.ts'
import { durationMs, positive } from './value.ts'

const metric = oneOf('cpu', 'elu', 'inflight', 'arrivals', 'lag')
const forms = {
  cpu: form(positive('a share', 1)),
  elu: form(positive('a share', 1)),
  inflight: form(positive('requests per instance', 1_000_000)),
  arrivals: form(positive('requests per second per instance', 1_000_000)),
  lag: form(durationMs),
}

export interface ReadScale {
  readonly metric: ResolvedScale['metric'] | 'lag' | undefined
  readonly target: number | undefined
  readonly out: { readonly above: number | undefined; readonly for: number | undefined } | undefined
  readonly in: { readonly below: number | undefined; readonly for: number | undefined } | undefined
}

/** Those of Kubernetes. */
const TOLERANCE = 0.1
const IN_STABILISATION_MS = 300_000

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
  if (wanted === 'custom') {
    return place
      .at('metric')
      .notImplemented("this version can't scale by a number of your own yet", "scale on 'inflight' or 'cpu'")
  }
  const before = place.problemCount
  const name = metric(wanted, place.at('metric'))
  const read = name === undefined ? undefined : checkThresholds(forms[name](given, place), place)
  if (name === 'lag' && place.problemCount === before) {
    place
      .at('metric')
      .notImplemented(
        "this version can't scale by lag yet: it runs no topics",
        "scale on 'inflight' or 'cpu', or remove 'scale'",
      )
  }
  return read
}

/** Every default filled in. Only for a scale in which no problem was found. */
export function resolveScale(read: ReadScale): ResolvedScale {
  const target = read.target as number
  return {
    metric: read.metric as ResolvedScale['metric'],
    target,
    tolerance: {
      out: read.out?.above === undefined ? TOLERANCE : share(read.out.above / target - 1),
      in: read.in?.below === undefined ? TOLERANCE : share(1 - read.in.below / target),
    },
    stabilisationMs: { out: read.out?.for ?? 0, in: read.in?.for ?? IN_STABILISATION_MS },
  }
}

/** Without what binary fractions add: 0.66 is 0.1 above 0.6. */
function share(value: number): number {
  return Number(value.toFixed(6))
}

function form(threshold: Reader<number>) {
  return object({
    what: 'scale',
    options: {
      metric,
      target: threshold,
      out: object({ what: "'out'", options: { above: threshold, for: durationMs } }),
      in: object({ what: "'in'", options: { below: threshold, for: durationMs } }),
    },
    required: ['target'],
  })
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
