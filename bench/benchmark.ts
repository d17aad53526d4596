/** One benchmark: a file `bench/<name>.ts` exports it as `benchmark`. */
export interface Benchmark {
  readonly name: string
  /** One line: what is measured, against what. */
  readonly description: string
  run(context: BenchmarkContext): Promise<BenchmarkOutcome>
}

/** What a benchmark is given. */
export interface BenchmarkContext {
  /** The whole benchmark must end within 45 s. */
  readonly isQuick: boolean
  /** Aborted by Ctrl-C: end what you started. */
  readonly signal: AbortSignal
  /** Progress for people, on standard error. */
  log(text: string): void
  /** Keeps one trial: every trial ends up in the results file, whether it flatters or not. */
  keep(variant: string, figures: Figures): void
}

/** Flat numbers, names with their units. */
export type Figures = Readonly<Record<string, number>>

/** What a benchmark has found. */
export interface BenchmarkOutcome {
  /** Medians over the trials. */
  readonly figures: Figures
  readonly peers: readonly Peer[]
}

/** Another program, run in the same rounds at its best settings. */
export type Peer =
  | { readonly name: string; readonly ran: true; readonly version: string; readonly figures: Figures }
  | { readonly name: string; readonly ran: false; readonly reason: string }

/** The middle value; of an even number the mean of the two in the middle; NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length / 2
  if (sorted.length === 0) return Number.NaN
  return Number.isInteger(middle)
    ? ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2
    : (sorted[Math.floor(middle)] as number)
}

/** Largest minus smallest value, as a share of the median: how far the trials are apart. */
export function spread(values: readonly number[]): number {
  return (Math.max(...values) - Math.min(...values)) / median(values)
}

/** Runs variants in turns (A B C A B C), so that a noisy minute hits all of them. */
export async function interleave<Name extends string, Result>(
  rounds: number,
  variants: Readonly<Record<Name, () => Promise<Result>>>,
): Promise<Record<Name, Result[]>> {
  const names = Object.keys(variants) as Name[]
  const results = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Name, Result[]>
  for (let round = 0; round < rounds; round++) {
    for (const name of names) results[name].push(await variants[name]())
  }
  return results
}
