import type { Drill } from '../drill.ts'
import { primaryOf } from '../nodes.ts'
import { missingTakeover, noSuccessor } from '../takeover.ts'

/** The primary is put to rest on purpose. */
export const switchover: Drill = {
  name: 'switchover',
  summary: 'the primary hands over in order, as before maintenance',
  obstacle: noSuccessor,
  async strike({ database }, control) {
    const { id } = primaryOf(database)!
    await control.command('switchover', { database: database.name })
    return `${id} handed over`
  },
  missing: missingTakeover,
}
