import type { SystemSnapshot } from '../control/snapshot.ts'
import { releasingNote } from './status-view.ts'

/** What each part is doing on the way up, by name: `orders` → `seeding (keys and indexes)`. Pure. */
export function partStates(snapshot: SystemSnapshot): ReadonlyMap<string, string> {
  const parts = new Map<string, string>([['gateway', snapshot.gateway.state]])
  for (const { name, state, reason } of Object.values(snapshot.databases)) {
    // A service may have the same name.
    const part = Object.hasOwn(snapshot.services, name) ? `${name} (database)` : name
    parts.set(part, reason === undefined ? state : `${state} (${reason})`)
  }
  for (const { name, kind, desired, instances, releasing } of Object.values(snapshot.services)) {
    // Files are there with the gateway, and nobody waits for a job.
    if (kind !== undefined) continue
    const ready = instances.filter(({ state }) => state === 'ready').length
    const note = releasing === undefined ? '' : `, ${releasingNote(releasing)}`
    parts.set(name, instances.length === 0 ? 'waiting' : `${ready} of ${desired} ready${note}`)
  }
  return parts
}

/**
 * The parts that are not there yet, as one line for a person who waits.
 *
 * @example 'starting  orders seeding (keys and indexes)  api waiting'
 */
export function startingLine(snapshot: SystemSnapshot): string {
  const { services } = snapshot
  const isThere = (name: string, text: string): boolean =>
    text === 'running' ||
    /^ready\b/.test(text) ||
    (services[name] !== undefined && text === `${services[name].desired} of ${services[name].desired} ready`)
  const missing = [...partStates(snapshot)].filter(([name, text]) => !isThere(name, text))
  return [snapshot.phase, ...missing.map(([name, text]) => `${name} ${text}`)].join('  ')
}

/** What is new since an earlier look, a line for each part, for a log that nobody rewrites in place. */
export function progressLines(
  before: ReadonlyMap<string, string> | undefined,
  now: ReadonlyMap<string, string>,
): readonly string[] {
  return [...now]
    .filter(([name, text]) => text !== 'waiting' && before?.get(name) !== text)
    .map((part) => part.join(': '))
}
