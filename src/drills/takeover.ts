import type { DrillScene } from './drill.ts'
import { missingNodes, primaryOf, standbyOf } from './nodes.ts'

/** Why no node could take over now; undefined when one could. */
export function noSuccessor({ database }: DrillScene): string | undefined {
  if (standbyOf(database) !== undefined) return undefined
  return `${database.name} has no standby that could take over now`
}

/** What is missing until another node is the primary, and as many follow it as before. */
export function missingTakeover(before: DrillScene, now: DrillScene): string | undefined {
  const primary = primaryOf(now.database)
  if (primary === undefined) return `no node of ${now.database.name} takes writes`
  if (primary.id === primaryOf(before.database)?.id) return `${primary.id} is still the primary`
  return missingNodes(before.database, now.database)
}
