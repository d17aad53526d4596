import { clusters } from '../blueprint/clusters-of.ts'
import { sleep } from '../core/clock.ts'
import { formatDuration } from '../core/duration.ts'
import { messageOf } from '../core/errors.ts'
import type { Drill, DrillScene } from './drill.ts'
import { sceneOf } from './drill.ts'
import { NO_TARGETS } from './drill-report.ts'
import type { DrillFinding, DrillReport } from './drill-report.ts'
import { databaseEvents } from './database-events.ts'
import { readyScene } from './ready-scene.ts'
import type { DrillOptions, Witnesses } from './witnesses.ts'
import { amongWitnesses, measurement } from './witnesses.ts'

const LOOK_MS = 50
/** As whole as before within this, whatever the targets say. */
const WHOLE_WITHIN_MS = 180_000

/**
 * Holds a drill on a running system: clients write and users come while it happens, and what they saw is judged.
 *
 * @throws TF_DRILL_IMPOSSIBLE when it would say nothing about this system, TF_NOT_RUNNING, TF_ABORTED
 */
export async function runDrill(drill: Drill, options: DrillOptions): Promise<DrillReport> {
  const before = await readyScene(options, drill)
  return amongWitnesses(
    options,
    before,
    async (witnesses) => {
      witnesses.strike()
      witnesses.tell(await drill.strike(before, options.control))
      const whole = await untilWhole(drill, before, options, witnesses)
      return { whole, timeMs: witnesses.probe.ledger.longestGapMs(witnesses.strikeMs) }
    },
    (witnesses, { whole, timeMs }, rows) => {
      const comparison = witnesses.probe.ledger.compare(rows, witnesses.strikeMs)
      const targets = clusters(options.blueprint)[before.database.name]?.recovery ?? NO_TARGETS
      return witnesses.report(drill.name, measurement(witnesses, comparison, timeMs), targets, [whole])
    },
  )
}

async function untilWhole(
  drill: Drill,
  before: DrillScene,
  { control, clock, signal }: DrillOptions,
  witnesses: Witnesses,
): Promise<DrillFinding> {
  const { name } = before.database
  let last = before.database
  for (;;) {
    let missing: string | undefined
    try {
      const now = sceneOf(await control.snapshot({ signal }), name)
      for (const text of databaseEvents(last, now.database)) witnesses.tell(text)
      last = now.database
      missing = drill.missing(before, now)
    } catch (error) {
      missing = messageOf(error)
    }
    signal.throwIfAborted()
    const elapsedMs = clock.nowMs() - witnesses.strikeMs
    if (missing === undefined) return { isGood: true, text: `as whole as before after ${formatDuration(elapsedMs)}` }
    if (elapsedMs > WHOLE_WITHIN_MS) {
      return { isGood: false, text: `not as whole as before within ${formatDuration(WHOLE_WITHIN_MS)}: ${missing}` }
    }
    await sleep(clock, LOOK_MS, signal)
  }
}
