import type { Arrivals } from '../blueprint/scenario.ts'
import type { ArrivalOptions, ArrivalPlan } from './arrival.ts'
import { constantArrivals } from './arrivals/constant.ts'
import { dayArrivals } from './arrivals/day.ts'
import { poissonArrivals } from './arrivals/poisson.ts'
import { rampArrivals } from './arrivals/ramp.ts'
import { spikeArrivals } from './arrivals/spike.ts'
import { readTrace, traceArrivals } from './arrivals/trace.ts'

/**
 * The plan for a shape of arrivals as a blueprint names it.
 *
 * @param directory where a trace's relative path starts
 * @throws TF_TRACE_INVALID
 */
export async function planArrivals(
  arrivals: Arrivals,
  options: ArrivalOptions,
  directory: string,
): Promise<ArrivalPlan> {
  switch (arrivals.shape) {
    case 'constant':
      return constantArrivals(options)
    case 'poisson':
      return poissonArrivals(options)
    case 'ramp':
      return rampArrivals(options, arrivals)
    case 'spike':
      return spikeArrivals(options, arrivals)
    case 'day':
      return dayArrivals(options, arrivals)
    case 'trace':
      return traceArrivals(options, await readTrace(arrivals, directory))
  }
}
