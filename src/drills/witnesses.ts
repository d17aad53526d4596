import type { ResolvedBlueprint } from '../blueprint/resolved-blueprint.ts'
import type { ControlClient } from '../control/control-client.ts'
import type { Clock } from '../core/clock.ts'
import { sleep } from '../core/clock.ts'
import type { DrillScene } from './drill.ts'
import type { DrillEvent, DrillFinding, DrillReport, RecoveryMeasurement, RecoveryTargets } from './drill-report.ts'
import { judgeRecovery } from './judge-recovery.ts'
import type { Users } from './users.ts'
import { startUsers } from './users.ts'
import type { WriteComparison } from './write-ledger.ts'
import type { WriteProbe } from './write-probe.ts'
import { startWriteProbe } from './write-probe.ts'

/** What every drill is held with. */
export interface DrillOptions {
  readonly blueprint: ResolvedBlueprint
  /** @default the first one that the drill says something about */
  readonly database: string | undefined
  readonly control: ControlClient
  /** Names the drill on the system; letters, digits and `_`. */
  readonly id: string
  /** Share of the blueprint's peak at which users come meanwhile; 0 for none. */
  readonly times: number
  readonly seed: number
  readonly onEvent: (event: DrillEvent) => void
  readonly signal: AbortSignal
  readonly clock: Clock
}

/** Those who see what a disaster costs: clients that write, and users. */
export interface Witnesses {
  readonly probe: WriteProbe
  /** When the disaster happened, on the clock of the drill. */
  readonly strikeMs: number
  /** From now on it happens. */
  strike(): void
  /** Something that a person should know has happened now. */
  tell(text: string): void
  report(
    drill: string,
    measured: RecoveryMeasurement,
    targets: RecoveryTargets,
    more: readonly DrillFinding[],
  ): DrillReport
}

/** How long the system is watched before and after, so that the measurement has something to compare. */
const CALM_MS = 3_000

/**
 * Lets writes and users go on, first in peace for a moment, then while `work` makes the disaster happen and sees it end.
 *
 * @param judge told the rows that are there in the end
 */
export async function amongWitnesses<Result>(
  options: DrillOptions,
  { system, database }: DrillScene,
  work: (witnesses: Witnesses) => Promise<Result>,
  judge: (witnesses: Witnesses, result: Result, rows: readonly number[]) => DrillReport,
): Promise<DrillReport> {
  const { control, clock, signal, id } = options
  const startedEpochMs = clock.epochMs()
  const { name } = database
  const address = async (): Promise<string> => (await control.command<{ url: string }>('database', { name })).url
  const probe = await startWriteProbe({ address, id, clock })
  const users = startUsers({ ...options, target: system.gateway.url })
  const witnesses = new DrillWitnesses(options, name, startedEpochMs, probe, users)
  try {
    await sleep(clock, CALM_MS, signal)
    const result = await work(witnesses)
    await sleep(clock, CALM_MS, signal)
    await users.end()
    return judge(witnesses, result, await probe.end())
  } catch (error) {
    await users.end()
    await probe.end().catch(() => undefined)
    throw error
  }
}

/** What the ledger says of rows, in numbers. */
export function measurement(
  { probe }: Pick<Witnesses, 'probe'>,
  { lost, duplicated, unknown, lossMs }: WriteComparison,
  timeMs: number,
): RecoveryMeasurement {
  const { acknowledged } = probe.ledger
  const counts = { lost: lost.length, duplicated: duplicated.length, unknown: unknown.length }
  return { timeMs, lossMs, acknowledged, ...counts }
}

class DrillWitnesses implements Witnesses {
  readonly probe: WriteProbe
  strikeMs: number
  readonly #options: DrillOptions
  readonly #database: string
  readonly #startedEpochMs: number
  readonly #users: Users
  readonly #events: DrillEvent[] = []

  constructor(options: DrillOptions, database: string, startedEpochMs: number, probe: WriteProbe, users: Users) {
    this.probe = probe
    this.strikeMs = options.clock.nowMs()
    this.#options = options
    this.#database = database
    this.#startedEpochMs = startedEpochMs
    this.#users = users
  }

  strike(): void {
    this.strikeMs = this.#options.clock.nowMs()
  }

  tell(text: string): void {
    const event = { afterMs: this.#options.clock.nowMs() - this.strikeMs, text }
    this.#events.push(event)
    this.#options.onEvent(event)
  }

  report(
    drill: string,
    measured: RecoveryMeasurement,
    targets: RecoveryTargets,
    more: readonly DrillFinding[],
  ): DrillReport {
    const findings = [...judgeRecovery(measured, targets), ...more]
    const { seen } = this.#users
    return {
      layout: 1,
      drill,
      system: this.#options.blueprint.name,
      database: this.#database,
      startedEpochMs: this.#startedEpochMs,
      events: this.#events,
      measured,
      targets,
      ...(seen.requests === 0 ? {} : { users: seen }),
      findings,
      state: findings.every(({ isGood }) => isGood) ? 'passed' : 'failed',
    }
  }
}
