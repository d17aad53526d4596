import type { DatabaseStatus, SystemSnapshot } from '../control/snapshot.ts'

type Node = DatabaseStatus['nodes'][number]

/** The node that takes writes; undefined while none does. */
export function primaryOf({ nodes }: Pick<DatabaseStatus, 'nodes'>): Node | undefined {
  return nodes.find(({ role, state }) => role === 'primary' && state === 'ready')
}

/** The node that would take over now; undefined while none could. */
export function standbyOf({ nodes }: Pick<DatabaseStatus, 'nodes'>): Node | undefined {
  return nodes.find(({ role, state }) => role === 'standby' && state === 'ready')
}

/** What a database lacks to have as many nodes of each kind at work as before; undefined when it lacks nothing. */
export function missingNodes(
  before: Pick<DatabaseStatus, 'nodes'>,
  now: Pick<DatabaseStatus, 'nodes' | 'name'>,
): string | undefined {
  for (const wanted of ['primary', 'standby', 'replica'] as const) {
    const count = ({ nodes }: Pick<DatabaseStatus, 'nodes'>): number =>
      nodes.filter(({ role, state }) => role === wanted && state === 'ready').length
    if (count(now) < count(before)) return `${now.name} has ${count(now)} of ${count(before)} nodes as ${wanted}`
  }
  return undefined
}

/** A part of `ids` that still is, or again seems to be, the process of before; undefined when all have been replaced. */
export function notReplaced(ids: readonly string[], before: SystemSnapshot, now: SystemSnapshot): string | undefined {
  const pids = pidsOf(now)
  const then = pidsOf(before)
  const id = ids.find((each) => pids.get(each) === undefined || pids.get(each) === then.get(each))
  return id === undefined ? undefined : `${id} has not come back`
}

function pidsOf({ databases, services }: SystemSnapshot): ReadonlyMap<string, number | undefined> {
  const nodes = Object.values(databases).flatMap((database) => database.nodes)
  const instances = Object.values(services).flatMap((service) => service.instances)
  return new Map([...nodes, ...instances].map(({ id, pid }) => [id, pid]))
}
