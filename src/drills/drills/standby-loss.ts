import type { Drill } from '../drill.ts'
import { missingNodes, notReplaced, primaryOf, standbyOf } from '../nodes.ts'

/** The standby dies: writes go on after a moment, and it comes back. */
export const standbyLoss: Drill = {
  name: 'standby-loss',
  summary: 'kill -9 of the standby: writes go on, and it comes back',
  obstacle: ({ database }) => {
    return standbyOf(database) === undefined ? `${database.name} has no standby that could be lost` : undefined
  },
  async strike({ database }, control) {
    const { id } = standbyOf(database)!
    await control.command('fault', { ids: [id], fault: 'kill' })
    return `killed ${id}, the standby`
  },
  missing(before, now) {
    const primary = primaryOf(now.database)
    if (primary?.id !== primaryOf(before.database)?.id) return 'the primary should not have changed'
    const struck = standbyOf(before.database)!.id
    return notReplaced([struck], before.system, now.system) ?? missingNodes(before.database, now.database)
  },
}
