import type { ReleaseEntry } from '../control/snapshot.ts'

/** The releases of each service, the latest first. Every change gives a new history. */
export type ReleaseHistory = Readonly<Record<string, readonly ReleaseEntry[]>>

/** So many releases of a service stay on disk: the one that runs and those before it, to go back to. */
export const RELEASES_TO_GO_BACK = 3
const ENTRIES_MAX = 10

/** A release of a service has begun, or was there at once. One that runs already is no news. */
export function withEntry(history: ReleaseHistory, service: string, entry: ReleaseEntry): ReleaseHistory {
  const known = (history[service] ?? []).map((each): ReleaseEntry =>
    each.state === 'under-way' ? { ...each, state: 'interrupted' } : each,
  )
  const isNews = currentRelease({ [service]: known }, service)?.release !== entry.release
  return { ...history, [service]: bounded(isNews ? [entry, ...known] : known) }
}

/** What became of the release of a service that is under way; nothing changes when none is. */
export function withOutcome(
  history: ReleaseHistory,
  service: string,
  outcome: Pick<ReleaseEntry, 'state' | 'reason'>,
): ReleaseHistory {
  const entries = (history[service] ?? []).map((each) => (each.state === 'under-way' ? { ...each, ...outcome } : each))
  return { ...history, [service]: bounded(entries) }
}

/** A service went back to an earlier release: what came after it counts as rolled back. */
export function withRollback(
  history: ReleaseHistory,
  service: string,
  to: string,
  { atEpochMs, reason }: Pick<ReleaseEntry, 'atEpochMs'> & { readonly reason: string },
): ReleaseHistory {
  const entries = history[service] ?? []
  const at = entries.findIndex(({ release, state }) => release === to && state === 'released')
  const undone = entries.map((each, index): ReleaseEntry =>
    each.state === 'released' && (at === -1 ? index === 0 : index < at)
      ? { ...each, state: 'rolled-back', reason }
      : each,
  )
  const isBack = at !== -1
  const entry: ReleaseEntry = { release: to, atEpochMs, by: 'rollback', state: 'released' }
  return { ...history, [service]: bounded(isBack ? undone : [entry, ...undone]) }
}

/** Only these services: the others are gone from the blueprint. */
export function withServices(history: ReleaseHistory, services: readonly string[]): ReleaseHistory {
  return Object.fromEntries(services.flatMap((name) => (history[name] === undefined ? [] : [[name, history[name]]])))
}

/** What runs of a service, as far as it is known. */
export function currentRelease(history: ReleaseHistory, service: string): ReleaseEntry | undefined {
  return history[service]?.find(({ state }) => state === 'released')
}

/** What ran before the present release, to go back to. */
export function formerRelease(history: ReleaseHistory, service: string): ReleaseEntry | undefined {
  const current = currentRelease(history, service)?.release
  return history[service]?.find(({ state, release }) => state === 'released' && release !== current)
}

/**
 * Why a start does not send a release of a service out, although it is what the sources are: it was rolled back, or a
 * release of it was cut short before anybody knew how it does. Undefined when nothing speaks against it.
 */
export function heldBackBecause(history: ReleaseHistory, service: string, release: string): string | undefined {
  const last = history[service]?.find((entry) => entry.release === release)
  if (last?.state === 'rolled-back') return `was rolled back: ${last.reason ?? 'no reason is known'}`
  // Of what else brings releases nothing is judged: an apply takes over what the sources are, and so does a start.
  const isUnjudged = last?.by === 'release' && (last.state === 'under-way' || last.state === 'interrupted')
  return isUnjudged ? 'was not out for good: Tenfold ended in the middle of its release' : undefined
}

/** The releases of a service that have to stay on disk, the latest first. */
export function releasesToKeep(history: ReleaseHistory, service: string): readonly string[] {
  const entries = history[service] ?? []
  const ran = entries.filter(({ state }) => state === 'released').map(({ release }) => release)
  const underWay = entries.filter(({ state }) => state === 'under-way').map(({ release }) => release)
  return [...new Set([...underWay, ...[...new Set(ran)].slice(0, RELEASES_TO_GO_BACK)])]
}

/** The services that the last change of releases concerned, and that can go back: those that go back together. */
export function lastReleased(history: ReleaseHistory): readonly string[] {
  const current = Object.keys(history).flatMap((service) => {
    const entry = currentRelease(history, service)
    return entry === undefined || formerRelease(history, service) === undefined ? [] : [{ service, entry }]
  })
  const last = Math.max(...current.map(({ entry }) => entry.atEpochMs))
  return current.filter(({ entry }) => entry.atEpochMs === last).map(({ service }) => service)
}

/** The oldest leave, but for what can be gone back to. */
function bounded(entries: readonly ReleaseEntry[]): readonly ReleaseEntry[] {
  if (entries.length <= ENTRIES_MAX) return entries
  const kept = new Set(releasesToKeep({ '': entries }, ''))
  const needed = entries.filter(({ state, release }, index) => {
    const isFirst = entries.findIndex((each) => each.release === release && each.state === state) === index
    return isFirst && kept.has(release) && state === 'released'
  })
  const rest = entries.filter((entry) => !needed.includes(entry)).slice(0, ENTRIES_MAX - needed.length)
  const staying = new Set([...needed, ...rest])
  return entries.filter((entry) => staying.has(entry))
}
