import type { DatabaseSync } from 'node:sqlite'
import type { MetricSample } from '../control/metric-frame.ts'
import type { MetricKind } from '../control/metric-names.ts'
import { metricDescription } from '../control/metric-names.ts'

/** One series of the history: who measures what, with which labels. */
export interface KnownSeries {
  readonly id: number
  readonly source: string
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
}

/** The numbers under which series are kept in the rows. */
export interface SeriesRegistry {
  /** The number of a series; a new one gets the next. */
  idOf(source: string, sample: MetricSample, atSeconds: number): number
  kindOf(id: number): MetricKind
  /** Every series of a metric. */
  named(name: string): readonly KnownSeries[]
  /** Forgets series that have had no sample since then. */
  prune(beforeSeconds: number): void
  readonly count: number
}

/** How far the recorded time of the last sample may lag behind. */
const SEEN_RESOLUTION_SECONDS = 3_600

/** The registry that a file holds; new series are written to it in the transaction that is open. */
export function openSeriesRegistry(db: DatabaseSync): SeriesRegistry {
  const byKey = new Map<string, { id: number; lastAt: number }>()
  const byId = new Map<number, KnownSeries>()
  const insert = db.prepare('insert into series (source, name, labels, last_at) values (?, ?, ?, ?)')
  const touch = db.prepare('update series set last_at = ? where id = ?')

  function remember(id: number, source: string, name: string, labels: string, lastAt: number): void {
    byKey.set(`${source}\n${name}\n${labels}`, { id, lastAt })
    byId.set(id, { id, source, name, labels: JSON.parse(labels) as Record<string, string> })
  }

  for (const row of db.prepare('select id, source, name, labels, last_at from series').all()) {
    remember(
      Number(row['id']),
      String(row['source']),
      String(row['name']),
      String(row['labels']),
      Number(row['last_at']),
    )
  }

  return {
    idOf(source, { name, labels: given = {} }, atSeconds) {
      const labels = JSON.stringify(Object.fromEntries(Object.entries(given).sort(([a], [b]) => (a < b ? -1 : 1))))
      const known = byKey.get(`${source}\n${name}\n${labels}`)
      if (known === undefined) {
        const id = Number(insert.run(source, name, labels, atSeconds).lastInsertRowid)
        remember(id, source, name, labels, atSeconds)
        return id
      }
      if (atSeconds - known.lastAt > SEEN_RESOLUTION_SECONDS) {
        touch.run(atSeconds, known.id)
        known.lastAt = atSeconds
      }
      return known.id
    },
    kindOf: (id) => metricDescription(byId.get(id)?.name ?? '')?.kind ?? 'gauge',
    named: (name) => [...byId.values()].filter((series) => series.name === name),
    prune(beforeSeconds) {
      db.prepare('delete from series where last_at < ?').run(beforeSeconds)
      for (const [key, { id, lastAt }] of byKey) {
        if (lastAt >= beforeSeconds) continue
        byKey.delete(key)
        byId.delete(id)
      }
    },
    get count() {
      return byId.size
    },
  }
}
