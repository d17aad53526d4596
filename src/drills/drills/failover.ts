import type { Drill } from '../drill.ts'
import { primaryOf } from '../nodes.ts'
import { missingTakeover, noSuccessor } from '../takeover.ts'

/** The primary dies, and its standby has to take over. */
export const failover: Drill = {
  name: 'failover',
  summary: 'kill -9 of the primary: the standby takes over, and the old primary comes back as the new standby',
  obstacle: noSuccessor,
  async strike({ database }, control) {
    const { id } = primaryOf(database)!
    await control.command('fault', { ids: [id], fault: 'kill' })
    return `killed ${id}, the primary`
  },
  missing: missingTakeover,
}
