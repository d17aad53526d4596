import type { BenchmarkContext, Figures } from '../benchmark.ts'
import { closedLoop, request } from './closed-loop.ts'
import type { Quota } from './quota.ts'
import type { Machine, Stage } from './stage.ts'
import type { Patience } from './watch-machine.ts'
import { undisturbed } from './watch-machine.ts'

/** What every part of the benchmark works with. */
export interface Rig {
  readonly stage: Stage
  readonly context: BenchmarkContext
  readonly patience: Patience
  /** Query of a request that takes about so much time of a whole core. */
  work(kind: WorkKind, coreMs: number): string
  /** Runs and keeps one trial, again if it was disturbed. */
  trial<Trial extends object>(variant: string, run: () => Promise<Trial>): Promise<Trial>
}

/** What a request does; see `work-server.ts`. */
export type WorkKind = 'hash' | 'json' | 'memory'

/** Rounds for about 1 ms, to begin with. */
const ROUNDS_GUESS: Readonly<Record<WorkKind, number>> = { hash: 1_000, json: 40, memory: 100 }
const CALIBRATION_MS = 4
const WARM_UP_SECONDS = 0.4

/** Warms every instance up, and finds out how much work a millisecond is here. */
export async function createRig(
  stage: Stage,
  context: BenchmarkContext,
  options: { kinds: readonly WorkKind[]; patience: Patience },
): Promise<Rig> {
  const machines = stage.instances()
  const roundsPerMs = new Map<WorkKind, number>()
  holdAll(machines, undefined)
  const [first] = machines
  if (first === undefined) throw new Error('expected an instance, got none')
  for (const kind of options.kinds) {
    const guess = ROUNDS_GUESS[kind]
    // Compilers first: what is measured is the program as it runs for the rest of the time.
    for (const machine of machines) await drive(machine, queryOf(kind, guess), WARM_UP_SECONDS, context.signal)
    const rounds = await calibrate(first, kind, guess, context.signal)
    roundsPerMs.set(kind, rounds)
    context.log(`${kind}: ${Math.round(rounds)} rounds take 1 ms of a core`)
  }
  return {
    stage,
    context,
    patience: options.patience,
    work: (kind, coreMs) => queryOf(kind, (roundsPerMs.get(kind) ?? Number.NaN) * coreMs),
    trial: (variant, run) =>
      undisturbed(
        stage,
        options.patience,
        (figures) => context.keep(variant, figures),
        run as () => Promise<Figures>,
      ) as ReturnType<typeof run>,
  }
}

/** Gives each machine this quota; undefined: none. */
export function holdAll(machines: readonly Machine[], quota: Quota | undefined): void {
  for (const { group } of machines) group.hold(quota)
}

/** Makes instances use all they are given for some time; each one is told by its own port. */
export async function burnAll(machines: readonly Machine[], ms: number): Promise<void> {
  await Promise.all(machines.map(({ port }) => request(`http://127.0.0.1:${port}/?burn=${Math.round(ms)}`)))
}

async function calibrate(machine: Machine, kind: WorkKind, guess: number, signal: AbortSignal): Promise<number> {
  let rounds = guess
  for (const seconds of [0.3, 0.6, 0.6]) {
    const { cpuMsPerRequest } = await drive(machine, queryOf(kind, rounds * CALIBRATION_MS), seconds, signal)
    rounds *= CALIBRATION_MS / cpuMsPerRequest
  }
  return rounds
}

function drive(machine: Machine, query: string, seconds: number, signal: AbortSignal) {
  return closedLoop(`http://127.0.0.1:${machine.port}/${query}`, [machine], { concurrency: 1, seconds, signal })
}

function queryOf(kind: WorkKind, rounds: number): string {
  return `?kind=${kind}&rounds=${Math.round(rounds)}`
}
