import assert from 'node:assert/strict'

/** What was seen of a resource in one interval, a second for example. */
export interface DemandSample {
  readonly requestsPerSecond: number
  /** Servers busy on average: CPU seconds per second, connections in use. */
  readonly busy: number
  /** How much it counts. @default 1 */
  readonly weight?: number
}

/** How much of a resource a request needs. */
export interface ServiceDemand {
  /** Milliseconds of one server for each request, 0 or more. */
  readonly demandMs: number
  /** Standard error of it. */
  readonly demandMsError: number
  /** Servers busy without any request, 0 or more. */
  readonly idleBusy: number
  readonly idleBusyError: number
  /** Covariance of the two, in milliseconds × servers. */
  readonly covariance: number
  /**
   * `fitted`: idle and demand were told apart by different loads. `none`: it came out below 0 and was set to 0.
   * `assumed-none`: all samples are of about the same load, so everything was put down to requests.
   */
  readonly idle: 'fitted' | 'none' | 'assumed-none'
  /** Samples that count on their own: fewer than given where neighbours resemble each other. */
  readonly samples: number
}

/** Loads that differ by less than this (standard deviation over mean) tell nothing of the idle part. */
const SPREAD_MIN = 0.05

/**
 * Fits the service demand law: busy = D × requests + idle, by weighted least squares with D and idle not below 0
 * (Denning and Buzen, *The operational analysis of queueing network models*, Computing Surveys 10, 1978; as a regression:
 * Zhang, Cherkasova and Smirni, *A regression-based analytic model*, ICAC 2007).
 *
 * Samples are given in the order of time. Neighbouring seconds resemble each other (work that began in one ends in the
 * next), which makes naive errors too small: they are widened by √((1+ρ)/(1−ρ)), ρ being the correlation of neighbouring
 * residuals, where that is positive.
 *
 * @param samples three or more, with requests in at least one
 * @example fitServiceDemand([{ requestsPerSecond: 100, busy: 0.25 }, …]).demandMs // 2.5
 */
export function fitServiceDemand(samples: readonly DemandSample[]): ServiceDemand {
  assert(samples.length >= 3, `expected 3 samples or more, got ${samples.length}`)
  const points = samples.map(({ requestsPerSecond, busy, weight = 1 }) => ({
    x: requestsPerSecond,
    y: busy,
    w: weight,
  }))
  const sum = (of: (point: Point) => number): number => points.reduce((total, point) => total + point.w * of(point), 0)
  const weight = sum(() => 1)
  const meanX = sum(({ x }) => x) / weight
  const meanY = sum(({ y }) => y) / weight
  assert(weight > 0 && meanX > 0, 'expected requests in at least one sample')
  const spreadX = sum(({ x }) => (x - meanX) ** 2)
  const hasSpread = Math.sqrt(spreadX / weight) > SPREAD_MIN * meanX
  const slope = hasSpread ? sum(({ x, y }) => (x - meanX) * (y - meanY)) / spreadX : 0
  const idle = meanY - slope * meanX

  if (hasSpread && idle >= 0 && slope >= 0) {
    const { variance, count } = residualsOf(points, slope, idle, 2)
    return {
      demandMs: slope * 1_000,
      demandMsError: Math.sqrt(variance / spreadX) * 1_000,
      idleBusy: idle,
      idleBusyError: Math.sqrt(variance * (1 / weight + meanX ** 2 / spreadX)),
      covariance: (-variance * meanX * 1_000) / spreadX,
      idle: 'fitted',
      samples: count,
    }
  }
  if (hasSpread && slope < 0) {
    // It was less busy the more there was to do: requests are not what keeps it busy.
    const { variance, count } = residualsOf(points, 0, meanY, 1)
    const demandMsError = Math.sqrt(variance / spreadX) * 1_000
    const errors = { demandMsError, idleBusyError: Math.sqrt(variance / weight), covariance: 0 }
    return { demandMs: 0, idleBusy: meanY, ...errors, idle: 'fitted', samples: count }
  }
  const squares = sum(({ x }) => x ** 2)
  const through = Math.max(0, sum(({ x, y }) => x * y) / squares)
  const { variance, count } = residualsOf(points, through, 0, 1)
  return {
    demandMs: through * 1_000,
    demandMsError: Math.sqrt(variance / squares) * 1_000,
    idleBusy: 0,
    idleBusyError: 0,
    covariance: 0,
    idle: hasSpread ? 'none' : 'assumed-none',
    samples: count,
  }
}

/** The load at which a resource is used up, with its 95 % interval. */
export interface Saturation {
  readonly requestsPerSecond: number
  readonly low: number
  /** Infinity where the demand can't be told from nothing. */
  readonly high: number
}

/**
 * Where `servers` are all busy: X* = (m − u₀) / D, with an interval from the errors of both (Fieller's theorem, 1954: the
 * ratio's exact interval, which has no upper end where D may be 0; the delta method would invent one).
 */
export function saturationOf(demand: ServiceDemand, servers: number): Saturation {
  const free = Math.max(0, servers - demand.idleBusy)
  const perRequest = demand.demandMs / 1_000
  const z = quantile(demand.samples)
  // The bounds x are those for which free − x·perRequest is z standard errors from 0; its variance is quadratic in x.
  const vFree = demand.idleBusyError ** 2
  const vPer = (demand.demandMsError / 1_000) ** 2
  const both = -demand.covariance / 1_000
  const a = perRequest ** 2 - z ** 2 * vPer
  const b = free * perRequest - z ** 2 * both
  const c = free ** 2 - z ** 2 * vFree
  const root = Math.sqrt(Math.max(0, b * b - a * c))
  const requestsPerSecond = perRequest === 0 ? Number.POSITIVE_INFINITY : free / perRequest
  const low = Math.min(requestsPerSecond, Math.max(0, b + root === 0 ? 0 : c / (b + root)))
  const high = a <= 0 ? Number.POSITIVE_INFINITY : Math.max(requestsPerSecond, (b + root) / a)
  return { requestsPerSecond, low, high }
}

interface Point {
  readonly x: number
  readonly y: number
  readonly w: number
}

/** The variance of a sample of weight 1, widened for neighbours that resemble each other. */
function residualsOf(
  points: readonly Point[],
  slope: number,
  idle: number,
  parameters: number,
): { variance: number; count: number } {
  const residuals = points.map(({ x, y, w }) => Math.sqrt(w) * (y - idle - slope * x))
  const squares = residuals.reduce((total, residual) => total + residual ** 2, 0)
  const products = residuals.slice(1).reduce((total, residual, i) => total + residual * (residuals[i] as number), 0)
  const likeness = squares === 0 ? 0 : Math.min(0.95, Math.max(0, products / squares))
  const widening = (1 + likeness) / (1 - likeness)
  const freedom = Math.max(1, points.length - parameters)
  return { variance: (squares / freedom) * widening, count: Math.max(3, Math.round(points.length / widening)) }
}

/** 97.5 % point of Student's t for a fit of two parameters, by Cornish and Fisher's expansion (within 1 % from 3 degrees on). */
function quantile(samples: number): number {
  const z = 1.959964
  const freedom = Math.max(3, samples - 2)
  return z + (z ** 3 + z) / (4 * freedom) + (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * freedom ** 2)
}
