import { describeValue } from '../describe-value.ts'
import type { Place } from '../place.ts'
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

/** What sets the number of instances. */
export const scale: Reader<unknown> = (given, place) => {
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
function checkThresholds(read: ReturnType<(typeof forms)['cpu']>, place: Place): unknown {
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
