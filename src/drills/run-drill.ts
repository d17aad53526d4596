import type { ResolvedBlueprint } from '../blueprint/resolved-blueprint.ts'
import type { ControlClient } from '../control/control-client.ts'
import type { Clock } from '../core/clock.ts'
import { sleep } from '../core/clock.ts'
import { formatDuration } from '../core/duration.ts'
import { TenfoldError, messageOf } from '../core/errors.ts'
import type { Drill, DrillScene } from './drill.ts'
import { sceneOf } from './drill.ts'
import type { DrillEvent, DrillFinding, DrillReport } from './drill-report.ts'
import { judgeRecovery } from './judge-recovery.ts'
import { databaseEvents } from './database-events.ts'
import { startUsers } from './users.ts'
import { startWriteProbe } from './write-probe.ts'

/** What to drill, and on which system. */
export interface DrillOptions {
  readonly drill: Drill
  readonly blueprint: ResolvedBlueprint
  /** @default the first one that the drill says something about */
  readonly database: string | undefined
  readonly control: ControlClient
  /** Names the drill on the system; letters and digits. */
  readonly id: string
  /** Share of the blueprint's peak that users put on the system meanwhile; 0 for none. */
  readonly times: number
  readonly seed: number
  readonly onEvent: (event: DrillEvent) => void
  readonly signal: AbortSignal
  readonly clock: Clock
}

/** How long the system is watched before and after, so that the measurement has something to compare. */
const CALM_MS = 3_000
const LOOK_MS = 50
/** As whole as before within this, whatever the targets say. */
const WHOLE_WITHIN_MS = 180_000

/**
 * Holds a drill on a running system: clients write and users come while it happens, and what they saw is judged.
 *
 * @throws TF_DRILL_IMPOSSIBLE when it would say nothing about this system, TF_NOT_RUNNING, TF_ABORTED
 */
export async function runDrill(options: DrillOptions): Promise<DrillReport> {
  const { drill, control, clock, signal, blueprint, id } = options
  const startedEpochMs = clock.epochMs()
  const before = await readyScene(options)
  const database = before.database.name
  const targets = blueprint.databases[database]?.recovery ?? { timeMs: undefined, lossMs: undefined }
  const address = async (): Promise<string> =>
    (await control.command<{ url: string }>('database', { name: database })).url
  const probe = await startWriteProbe({ address, id, clock })
  const users = startUsers({ ...options, target: before.system.gateway.url })
  const events: DrillEvent[] = []
  let strikeMs = clock.nowMs()
  const tell = (text: string): void => {
    const event = { afterMs: clock.nowMs() - strikeMs, text }
    events.push(event)
    options.onEvent(event)
  }
  async function hold(): Promise<DrillFinding> {
    await sleep(clock, CALM_MS, signal)
    strikeMs = clock.nowMs()
    tell(await drill.strike(before, control))
    const whole = await untilWhole(before, options, tell, strikeMs)
    await sleep(clock, CALM_MS, signal)
    return whole
  }
  const whole = await hold().catch(async (error: unknown) => {
    await users.end()
    await probe.end().catch(() => undefined)
    throw error
  })
  const timeMs = probe.ledger.longestGapMs(strikeMs)
  await users.end()
  const { lost, duplicated, unknown, lossMs } = probe.ledger.compare(await probe.end(), strikeMs)
  const { acknowledged } = probe.ledger
  const rows = { acknowledged, lost: lost.length, duplicated: duplicated.length, unknown: unknown.length }
  const measured = { timeMs, lossMs, ...rows }
  const findings = [...judgeRecovery(measured, targets), whole]
  return {
    layout: 1,
    drill: drill.name,
    system: blueprint.name,
    database,
    startedEpochMs,
    events,
    measured,
    targets,
    ...(users.seen.requests === 0 ? {} : { users: users.seen }),
    findings,
    state: findings.every(({ isGood }) => isGood) ? 'passed' : 'failed',
  }
}

/** The database that is meant, or the first one that the drill says something about. */
async function readyScene({ drill, control, database, blueprint }: DrillOptions): Promise<DrillScene> {
  const system = await control.snapshot()
  if (system.phase !== 'running') {
    throw impossible(
      `expected ${blueprint.name} to be running well, but it is ${system.phase}`,
      'wait, or mend it first',
    )
  }
  const names = database === undefined ? Object.keys(system.databases) : [database]
  const scenes = names.filter((name) => system.databases[name] !== undefined).map((name) => sceneOf(system, name))
  const scene = scenes.find((each) => drill.obstacle(each) === undefined)
  if (scene !== undefined) return scene
  const obstacles = scenes.map((each) => drill.obstacle(each)).join('; ') || `no database ${names.join(', ')} runs`
  throw impossible(
    `expected ${drill.name} to be possible, but ${obstacles}`,
    'docs/operating/drills.md says what each drill needs',
  )
}

async function untilWhole(
  before: DrillScene,
  { drill, control, clock, signal }: DrillOptions,
  tell: (text: string) => void,
  strikeMs: number,
): Promise<DrillFinding> {
  const { name } = before.database
  let last = before.database
  for (;;) {
    let missing: string | undefined
    try {
      const now = sceneOf(await control.snapshot({ signal }), name)
      for (const text of databaseEvents(last, now.database)) tell(text)
      last = now.database
      missing = drill.missing(before, now)
    } catch (error) {
      missing = messageOf(error)
    }
    signal.throwIfAborted()
    const elapsedMs = clock.nowMs() - strikeMs
    if (missing === undefined) return { isGood: true, text: `as whole as before after ${formatDuration(elapsedMs)}` }
    if (elapsedMs > WHOLE_WITHIN_MS) {
      return { isGood: false, text: `not as whole as before within ${formatDuration(WHOLE_WITHIN_MS)}: ${missing}` }
    }
    await sleep(clock, LOOK_MS, signal)
  }
}

function impossible(message: string, hint: string): TenfoldError {
  return new TenfoldError('TF_DRILL_IMPOSSIBLE', message, { hint })
}
