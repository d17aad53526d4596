import { clusters } from '../blueprint/clusters-of.ts'
import { formatDuration } from '../core/duration.ts'
import type { DrillScene } from './drill.ts'
import type { DrillReport } from './drill-report.ts'
import { NO_TARGETS } from './drill-report.ts'
import { readyScene } from './ready-scene.ts'
import type { DrillOptions } from './witnesses.ts'
import { amongWitnesses, measurement } from './witnesses.ts'
import { rowsOfProbe } from './write-probe.ts'

/** A disaster that nothing comes back from by itself: the data has to be restored. */
export interface RestoreDrill {
  readonly name: 'restore' | 'region'
  readonly summary: string
}

export const RESTORE_DRILLS: readonly RestoreDrill[] = [
  {
    name: 'restore',
    summary: 'somebody destroys rows: the database is restored, beside its data, to just before that',
  },
  {
    name: 'region',
    summary: 'this site is gone: the database is restored from the copy that was pulled from it (--from)',
  },
]

/** Restores a database beside its data, looks at all of it, and removes it again. */
export type RestoreBeside = (
  database: string,
  target: string,
  /** Told where the restored data can be read. */
  inspect: (url: string) => Promise<void>,
) => Promise<{
  /** What was done, a line each. */
  readonly said: readonly string[]
  /** How new it is: when its last transaction was committed, or its backup ended. */
  readonly asOfEpochMs: number
}>

/**
 * Holds a restore drill on a running system, which goes on: the restored data is held against what had been acknowledged
 * when it happened, and thrown away.
 *
 * @throws TF_DRILL_IMPOSSIBLE, TF_NOT_RUNNING, TF_ABORTED, and what the restore throws
 */
export async function runRestoreDrill(
  drill: RestoreDrill,
  options: DrillOptions & { readonly restore: RestoreBeside },
): Promise<DrillReport> {
  const { control, clock, signal, id, blueprint } = options
  const isRegion = drill.name === 'region'
  const scene = await readyScene(options, { name: drill.name, obstacle: (each) => obstacle(each, isRegion) })
  const { name, backup } = scene.database
  if (!isRegion && backup?.last === undefined) await control.command('backup', { database: name }, { signal })
  return amongWitnesses(
    options,
    scene,
    async (witnesses) => {
      witnesses.strike()
      const { strikeMs } = witnesses
      const strikeEpochMs = clock.epochMs()
      const point = `drill_${id}`
      if (isRegion) witnesses.tell('this site is gone, as far as the drill goes')
      else {
        await control.command('backup-mark', { database: name, name: point }, { signal })
        witnesses.tell(`rows are destroyed, as far as the drill goes; ${point} is just before that`)
        await control.command('backup-flush', { database: name }, { signal })
        witnesses.tell('the log up to there is archived')
      }
      let rows: readonly number[] = []
      const restored = await options.restore(name, isRegion ? 'latest' : point, async (url) => {
        rows = await rowsOfProbe(url, id)
      })
      const timeMs = clock.nowMs() - strikeMs
      for (const text of restored.said) witnesses.tell(text)
      return { rows, timeMs, ageMs: strikeEpochMs - restored.asOfEpochMs }
    },
    (witnesses, { rows, timeMs, ageMs }) => {
      const { strikeMs } = witnesses
      const comparison = witnesses.probe.ledger.compare(rows, strikeMs, strikeMs)
      const measured = measurement(witnesses, comparison, timeMs)
      const recovery = clusters(blueprint)[name]?.recovery
      if (!isRegion) return witnesses.report(drill.name, measured, recovery ?? NO_TARGETS, [])
      // The copy may be from before the drill: then its age is what counts.
      const lossMs = measured.lost === 0 ? 0 : Math.max(measured.lossMs, ageMs)
      const finding = { isGood: true, text: `the newest change in the copy was ${formatDuration(ageMs)} old` }
      return witnesses.report(drill.name, { ...measured, lossMs }, recovery?.region ?? NO_LIMIT, [finding])
    },
  )
}

/** A copy is always a little behind: without a target its loss is told, and not judged. */
const NO_LIMIT = { timeMs: undefined, lossMs: Infinity }

function obstacle({ database }: DrillScene, isRegion: boolean): string | undefined {
  if (isRegion || database.backup !== undefined) return undefined
  return `the blueprint takes no backups of ${database.name}`
}
