import type { ResolvedBlueprint, ResolvedService } from '../blueprint/resolved-blueprint.ts'

/**
 * What runs while one blueprint takes over from another: all that either has. What a service may reach then is what
 * its old or its new instances need, so that neither meets something that has left.
 */
export function overlap(before: ResolvedBlueprint, after: ResolvedBlueprint): ResolvedBlueprint {
  const services = { ...before.services }
  for (const [name, now] of Object.entries(after.services)) services[name] = both(before.services[name], now)
  return {
    ...after,
    databases: { ...before.databases, ...after.databases },
    topics: { ...before.topics, ...after.topics },
    queues: { ...before.queues, ...after.queues },
    services,
  }
}

function both(old: ResolvedService | undefined, now: ResolvedService): ResolvedService {
  if (old === undefined) return now
  return {
    ...now,
    databases: union(old.databases, now.databases),
    publishes: union(old.publishes, now.publishes),
    consumes: union(old.consumes, now.consumes),
    enqueues: union(old.enqueues, now.enqueues),
    works: union(old.works, now.works),
    connectsTo: union(old.connectsTo, now.connectsTo),
    calls: union(old.calls, now.calls),
  }
}

function union(a: readonly string[], b: readonly string[]): readonly string[] {
  return [...new Set([...a, ...b])]
}
