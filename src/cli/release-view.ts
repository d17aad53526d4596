import type { ReleaseEntry } from '../control/snapshot.ts'
import { formatTable } from '../core/table.ts'
import type { Terminal } from './terminal.ts'

/** What a release or a rollback has changed, as the control plane says it. */
export interface ReleasedServices {
  readonly services: readonly { readonly service: string; readonly release: string; readonly before: string }[]
  readonly hasEndedRelease?: boolean
}

/** A line for each service: `web: 1a2b3c4d → 5e6f7a8b`. */
export function releasedView({ services, hasEndedRelease = false }: ReleasedServices, nothing: string): string {
  const lines = services.map(({ service, release, before }) => `${service}: ${short(before)} → ${short(release)}`)
  if (hasEndedRelease)
    return ['The release that was under way has been ended; what ran before it goes on.', ...lines].join('\n')
  return lines.length === 0 ? nothing : lines.join('\n')
}

/** The releases of each service, the latest first. */
export function releasesView(
  releases: Readonly<Record<string, readonly ReleaseEntry[]>>,
  style: Terminal['style'],
): string {
  const rows = Object.entries(releases).flatMap(([service, entries]) => {
    const current = entries.find(({ state }) => state === 'released')
    return entries.map((entry) => [
      service,
      short(entry.release),
      `${new Date(entry.atEpochMs).toISOString().slice(0, 19).replace('T', ' ')}Z`,
      entry.by,
      entry === current ? style('green', 'runs') : entry.state,
      entry.reason?.split('\n')[0] ?? '',
    ])
  })
  if (rows.length === 0) return 'No releases are known.'
  return formatTable(
    [['service', 'release', 'since', 'by', 'state', ''].map((text) => style('dim', text)), ...rows],
    '  ',
  )
}

function short(release: string): string {
  return release.slice(0, 8)
}
