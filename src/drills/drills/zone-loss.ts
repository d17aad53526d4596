import type { InstanceStatus, SystemSnapshot } from '../../control/snapshot.ts'
import type { Drill } from '../drill.ts'
import { missingNodes, notReplaced, primaryOf, standbyOf } from '../nodes.ts'
import { noSuccessor } from '../takeover.ts'

/** Everything that counts as being in the zone of the primary dies at once: nodes of all databases, and instances. */
export const zoneLoss: Drill = {
  name: 'zone-loss',
  summary: "kill -9 of all nodes and instances in the primary's zone at once",
  obstacle(scene) {
    const { system, database } = scene
    const zone = primaryOf(database)?.zone
    if (zone === undefined) return `${database.name} is in no zone: list zones in the blueprint`
    if (standbyOf(database)?.zone === zone) return `the standby of ${database.name} is in the zone of the primary`
    const alone = noSuccessor(scene)
    if (alone !== undefined) return alone
    const lonely = Object.values(system.services).find((service) => everyIn(zone, service.instances))
    return lonely === undefined ? undefined : `${lonely.name} has instances in no other zone than ${zone}`
  },
  async strike({ system, database }, control) {
    const zone = primaryOf(database)!.zone!
    const ids = [...nodesIn(system, zone), ...instancesIn(system, zone)].map(({ id }) => id)
    await control.command('fault', { ids, fault: 'kill' })
    return `killed everything in zone ${zone}: ${ids.join(', ')}`
  },
  missing(before, now) {
    const zone = primaryOf(before.database)!.zone!
    // Nodes keep their names; an instance may come back under another number.
    const nodes = nodesIn(before.system, zone).map(({ id }) => id)
    const lost = notReplaced(nodes, before.system, now.system)
    if (lost !== undefined) return lost
    for (const then of Object.values(before.system.databases)) {
      const missing = missingNodes(then, now.system.databases[then.name]!)
      if (missing !== undefined) return missing
    }
    return missingInstances(before.system, now.system)
  },
}

function nodesIn({ databases }: SystemSnapshot, zone: string): readonly { readonly id: string }[] {
  return Object.values(databases).flatMap(({ nodes }) =>
    nodes.filter((node) => node.zone === zone && node.pid !== undefined),
  )
}

function instancesIn({ services }: SystemSnapshot, zone: string): readonly { readonly id: string }[] {
  const instances = Object.values(services).flatMap((service) => service.instances)
  return instances.filter((instance) => instance.zone === zone && instance.pid !== undefined)
}

function everyIn(zone: string, instances: readonly InstanceStatus[]): boolean {
  return instances.length > 0 && instances.every((instance) => instance.zone === zone)
}

function missingInstances(before: SystemSnapshot, now: SystemSnapshot): string | undefined {
  for (const { name, instances } of Object.values(before.services)) {
    const ready = now.services[name]?.instances.filter(({ state }) => state === 'ready').length ?? 0
    const wanted = instances.filter(({ state }) => state === 'ready').length
    if (ready < wanted) return `${name} has ${ready} of ${wanted} instances`
  }
  return undefined
}
