import assert from 'node:assert/strict'
import type { Random } from '../core/random.ts'
import type { Model } from './least-squares.ts'
import { fitNonNegative, solveLinear } from './least-squares.ts'

/** Throughput at a size: of processes, users, threads. */
export interface ScalingPoint {
  /** 1 or more. */
  readonly size: number
  /** Above 0, in any unit. */
  readonly throughput: number
}

/** The universal scalability law: X(N) = γN / (1 + σ(N−1) + κN(N−1)). */
export interface ScalingLaw {
  /** γ: throughput of one without any other. */
  readonly ofOne: number
  /** σ, 0 or more: the share of the work that only one can do at a time. */
  readonly contention: number
  /** κ, 0 or more: what each pair costs to agree. Above 0 there is a size from which more is less. */
  readonly coherency: number
}

/** A law that was fitted, and what can be said with it. */
export interface ScalingFit extends ScalingLaw {
  /** Root mean square of the relative errors. */
  readonly errorShare: number
  /** 95 % intervals. */
  readonly intervals: { readonly contention: Interval; readonly coherency: Interval }
  readonly peak: ScalingPeak
}

interface Interval {
  readonly low: number
  readonly high: number
}

/** The size from which more is less. */
export type ScalingPeak =
  | {
      readonly state: 'told'
      readonly size: number
      readonly low: number
      readonly high: number
      readonly throughput: number
    }
  /** The measured sizes do not tell a peak from none: say "no retrograde up to", never a number beyond. */
  | { readonly state: 'none-up-to'; readonly size: number }

/** A peak is told only if the upper end of its interval is at most so many times the lower. */
const RATIO_MAX = 2

/**
 * @example scaledThroughput({ ofOne: 20, contention: 0.05, coherency: 0 }, 8) // 118.5
 */
export function scaledThroughput({ ofOne, contention, coherency }: ScalingLaw, size: number): number {
  return (ofOne * size) / (1 + contention * (size - 1) + coherency * size * (size - 1))
}

/** The size of the largest throughput, √((1−σ)/κ); Infinity without coherency. */
export function peakSize({ contention, coherency }: ScalingLaw): number {
  return contention >= 1 ? 1 : Math.max(1, Math.sqrt((1 - contention) / coherency))
}

/**
 * The law by Gunther's own method (*Guerrilla Capacity Planning*, 2007, chapter 5): with C = X(N)/X(1), N/C − 1 is a
 * parabola in N−1 without a constant. Quick, needs a measurement at size 1 and trusts it entirely; a start for
 * {@link fitScaling}, and the values that books print.
 */
export function fitScalingLinear(points: readonly ScalingPoint[]): ScalingLaw | undefined {
  const ones = points.filter(({ size }) => size === 1)
  if (ones.length === 0) return undefined
  const ofOne = ones.reduce((sum, { throughput }) => sum + throughput, 0) / ones.length
  const sums = { x2: 0, x3: 0, x4: 0, xy: 0, x2y: 0 }
  for (const { size, throughput } of points) {
    const x = size - 1
    const y = (size * ofOne) / throughput - 1
    sums.x2 += x ** 2
    sums.x3 += x ** 3
    sums.x4 += x ** 4
    sums.xy += x * y
    sums.x2y += x ** 2 * y
  }
  const solved = solveLinear(
    [
      [sums.x2, sums.x3],
      [sums.x3, sums.x4],
    ],
    [sums.xy, sums.x2y],
  )
  if (solved === undefined) return undefined
  const [line, square] = solved as [number, number]
  const coherency = Math.max(0, square)
  return { ofOne, contention: Math.max(0, line - coherency), coherency }
}

/**
 * Fits the law to measurements (relative errors, least squares, several starts) and says what they support, by resampling
 * the residuals: 95 % intervals, and a peak only where its interval is narrow. Where the coherency can't be told from 0, it
 * says up to which size no retrograde was seen. Measure to well beyond half of the peak, or expect that answer.
 *
 * @param points four or more, of three sizes or more
 * @param options.random draws the resamples
 * @param options.resamples @default 400
 */
export function fitScaling(
  points: readonly ScalingPoint[],
  { random, resamples = 400 }: { random: Random; resamples?: number },
): ScalingFit {
  assert(
    points.length >= 4 && new Set(points.map(({ size }) => size)).size >= 3,
    'expected 4 points of 3 sizes or more',
  )
  assert(
    points.every(({ size, throughput }) => size >= 1 && throughput > 0),
    'expected sizes of 1 or more and throughputs above 0',
  )
  const logs = points.map(({ size, throughput }) => [size, Math.log(throughput)] as const)
  const { law, squares } = bestOf(logs, startsFor(points))
  // A fit is closer to its points than the truth is: as many residuals as there are degrees of freedom.
  const widening = Math.sqrt(points.length / Math.max(1, points.length - 3))
  const fitted = logs.map(([size]) => Math.log(scaledThroughput(law, size)))
  const residuals = logs.map(([, y], i) => (y - (fitted[i] as number)) * widening)

  const drawn = Array.from({ length: resamples }, () => {
    const again = logs.map(([size], i) => [size, (fitted[i] as number) + random.pick(residuals)] as const)
    return bestOf(again, [law, { ...law, coherency: law.coherency === 0 ? 1e-4 : law.coherency / 10 }]).law
  })
  const largest = Math.max(...points.map(({ size }) => size))
  return {
    ...law,
    errorShare: Math.sqrt(squares / points.length),
    intervals: {
      contention: intervalOf(drawn.map(({ contention }) => contention)),
      coherency: intervalOf(drawn.map(({ coherency }) => coherency)),
    },
    peak: peakOf(law, intervalOf(drawn.map(peakSize)), largest),
  }
}

function peakOf(law: ScalingLaw, { low, high }: Interval, largest: number): ScalingPeak {
  const size = peakSize(law)
  if (!Number.isFinite(size) || !(high / low <= RATIO_MAX)) return { state: 'none-up-to', size: largest }
  return { state: 'told', size, low, high, throughput: scaledThroughput(law, size) }
}

/** In logarithms, so that errors are relative; γ as its logarithm too, shifted so that it is never below 0. */
const SHIFT = 100
const LAW: Model = (size, [shifted = 0, contention = 0, coherency = 0]) => {
  const one = size - 1
  const slowing = 1 + contention * one + coherency * size * one
  return {
    value: shifted - SHIFT + Math.log(size / slowing),
    gradient: [1, -one / slowing, (-size * one) / slowing],
  }
}

function bestOf(
  logs: readonly (readonly [number, number])[],
  starts: readonly ScalingLaw[],
): { law: ScalingLaw; squares: number } {
  const fits = starts.map(({ ofOne, contention, coherency }) =>
    fitNonNegative(LAW, logs, [Math.log(ofOne) + SHIFT, contention, coherency]),
  )
  const { parameters, squares } = fits.reduce((best, fit) => (fit.squares < best.squares ? fit : best))
  const [shifted = 0, contention = 0, coherency = 0] = parameters
  return { law: { ofOne: Math.exp(shifted - SHIFT), contention, coherency }, squares }
}

function startsFor(points: readonly ScalingPoint[]): readonly ScalingLaw[] {
  const linear = fitScalingLinear(points)
  const ofOne = Math.max(...points.map(({ size, throughput }) => throughput / size))
  const guesses = [0, 0.02, 0.2].flatMap((contention) =>
    [0, 1e-5, 1e-3, 1e-1].map((coherency) => ({ ofOne, contention, coherency })),
  )
  return linear === undefined ? guesses : [linear, ...guesses]
}

/** The middle 95 %. */
function intervalOf(values: readonly number[]): Interval {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (share: number): number => sorted[Math.round(share * (sorted.length - 1))] as number
  return { low: at(0.025), high: at(0.975) }
}
