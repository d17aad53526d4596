import type { DatabaseStatus } from '../control/snapshot.ts'
import { formatSize } from '../core/size.ts'

/** What a person is told of the nodes of a database that has several: who is what, what is not well, since when. */
export function nodesNote(nodes: DatabaseStatus['nodes'], alarm: DatabaseStatus['alarm']): string {
  const texts = nodes.length < 2 ? [] : nodes.map(nodeText)
  if (alarm !== undefined) texts.push(`ALARM since ${clockTime(alarm.sinceEpochMs)}: ${alarm.reason}`)
  return texts.join(', ')
}

function nodeText({ id, role, state, zone, reason, lagBytes = 0 }: DatabaseStatus['nodes'][number]): string {
  const place = zone === undefined ? '' : ` in ${zone}`
  const behind = lagBytes < 1024 ** 2 ? '' : ` ${formatSize(lagBytes)} behind`
  const condition = state === 'ready' ? behind : ` ${state}${reason === undefined ? '' : ` (${reason})`}`
  return `${role} ${id}${place}${condition}`
}

/** UTC, as in the machine's logs. */
function clockTime(epochMs: number): string {
  return `${new Date(epochMs).toISOString().slice(11, 19)}Z`
}
