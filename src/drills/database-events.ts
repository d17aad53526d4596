import type { DatabaseStatus } from '../control/snapshot.ts'

/** What a person would notice between two looks at a database. Pure. */
export function databaseEvents(before: DatabaseStatus, now: DatabaseStatus): readonly string[] {
  const events: string[] = []
  for (const node of now.nodes) {
    const then = before.nodes.find(({ id }) => id === node.id)
    if (then?.role === node.role && then.state === node.state) continue
    const reason = node.reason === undefined ? '' : `: ${node.reason}`
    events.push(`${node.id} is ${node.state} as ${node.role}${reason}`)
  }
  for (const { id } of before.nodes) {
    if (!now.nodes.some((node) => node.id === id)) events.push(`${id} is gone`)
  }
  if (now.term !== undefined && now.term !== before.term) events.push(`term ${now.term} has begun`)
  if (now.alarm !== undefined && now.alarm.reason !== before.alarm?.reason) events.push(`alarm: ${now.alarm.reason}`)
  if (now.alarm === undefined && before.alarm !== undefined) events.push('the alarm is over')
  return events
}
