import { isDeepStrictEqual } from 'node:util'
import type {
  ResolvedBlueprint,
  ResolvedDatabase,
  ResolvedQueue,
  ResolvedService,
  ResolvedTopic,
} from './resolved-blueprint.ts'
import { shardingChanges } from './diff-sharding.ts'
import { kindOfService } from './service-kind.ts'

/**
 * What it takes to carry a change out: `live` touches no instance; `rollout` replaces the instances of a service one
 * after the other; `restart` waits for the next start of what it concerns; `refused` would leave data behind.
 */
export type ChangeEffect = 'live' | 'rollout' | 'restart' | 'refused'

/** One difference between a system that runs and its edited blueprint. */
export interface BlueprintChange {
  /** Where it stands: `services.api.resources`. */
  readonly path: string
  readonly kind: 'added' | 'removed' | 'changed'
  readonly effect: ChangeEffect
  /** What follows from it, for people. Never a value that could be secret. */
  readonly meaning: string
  /** What to run instead, for what is refused or waits. */
  readonly command?: string
}

const START_AGAIN = 'npx tenfold down && npx tenfold up'

/**
 * The differences between two states of one blueprint, in the order of the file: nothing when there are none. Pure.
 *
 * @example diffBlueprints(before, after).map(({ path, effect }) => `${path} ${effect}`) // ['services.api.env rollout']
 */
export function diffBlueprints(before: ResolvedBlueprint, after: ResolvedBlueprint): readonly BlueprintChange[] {
  return [
    ...identity(before, after),
    ...named('databases', before.databases, after.databases, databaseChanges, {
      added: 'is created, migrated and seeded',
      removed: 'its server stops; its data stays where it is',
    }),
    ...named('topics', before.topics, after.topics, topicChanges, {
      added: 'is made in its database',
      removed: 'its events stay until their retention is over',
    }),
    ...named('queues', before.queues, after.queues, queueChanges, {
      added: 'is made in its database',
      removed: 'its items stay where they are, and nobody does them',
    }),
    ...named('services', before.services, after.services, serviceChanges, {
      added: 'starts',
      removed: 'finishes its requests and stops',
    }),
    ...rolloutsForTopics(before, after),
    ...whole('gateway', before.gateway, after.gateway, {
      effect: 'restart',
      meaning: 'its listener is opened when the gateway starts',
      command: START_AGAIN,
    }),
    ...whole('secrets', before.secretsFile, after.secretsFile, {
      effect: 'live',
      meaning: 'is read when an instance starts',
    }),
    ...whole('objectives', before.objectives, after.objectives, { effect: 'live', meaning: 'judges from now on' }),
    ...whole('load', before.load, after.load, { effect: 'live', meaning: 'the next rehearsal plays it' }),
  ]
}

/** What of an edited blueprint can run now: what waits for a restart stays as it is. */
export function withoutRestarts(before: ResolvedBlueprint, after: ResolvedBlueprint): ResolvedBlueprint {
  const databases = Object.entries(after.databases).map(([name, database]) => {
    const { resources, backup, followers, zones } = before.databases[name] ?? database
    // Absent where they were absent: a later comparison takes them for what they are.
    const { followers: _followers, zones: _zones, ...others } = database
    const kept = { ...(followers === undefined ? {} : { followers }), ...(zones === undefined ? {} : { zones }) }
    return [name, { ...others, resources, backup, ...kept }] as const
  })
  return { ...after, gateway: before.gateway, databases: Object.fromEntries(databases) }
}

function identity(before: ResolvedBlueprint, after: ResolvedBlueprint): readonly BlueprintChange[] {
  return (['name', 'configuration', 'directory'] as const)
    .filter((path) => before[path] !== after[path])
    .map((path) => ({
      path,
      kind: 'changed',
      effect: 'refused',
      meaning: `${before[path]} → ${after[path]}: another system, with state and data of its own`,
      command: START_AGAIN,
    }))
}

function named<Value>(
  path: string,
  before: Readonly<Record<string, Value>>,
  after: Readonly<Record<string, Value>>,
  changes: (path: string, before: Value, after: Value) => readonly BlueprintChange[],
  meaning: { readonly added: string; readonly removed: string },
): readonly BlueprintChange[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])]
  return names.flatMap((name): readonly BlueprintChange[] => {
    const [old, now] = [before[name], after[name]]
    const at = `${path}.${name}`
    if (old === undefined) return [{ path: at, kind: 'added', effect: 'live', meaning: meaning.added }]
    if (now === undefined) return [{ path: at, kind: 'removed', effect: 'live', meaning: meaning.removed }]
    return changes(at, old, now)
  })
}

function databaseChanges(path: string, before: ResolvedDatabase, after: ResolvedDatabase): readonly BlueprintChange[] {
  const keys = changedKeys(before, after).filter((key) => key !== 'sharding')
  const changes = keys.map((key): BlueprintChange => {
    const change = { path: `${path}.${key}`, kind: 'changed' } as const
    switch (key) {
      case 'migrations':
        return { ...change, effect: 'live', meaning: 'what is new is applied before services change' }
      case 'seeds':
        return { ...change, effect: 'live', meaning: 'a seed that never ran is run' }
      case 'connections':
        return { ...change, effect: 'live', meaning: 'holds once an instance starts' }
      case 'recovery':
        return { ...change, effect: 'live', meaning: 'the next drill compares with it' }
      case 'engine':
        return {
          ...change,
          effect: 'refused',
          meaning: 'the data would stay where it is and not come along: copy it first',
          command: START_AGAIN,
        }
      default:
        return { ...change, effect: 'restart', meaning: 'holds when its server starts', command: START_AGAIN }
    }
  })
  return [...changes, ...shardingChanges(path, before, after)]
}

/** What a topic is can't change under its readers; how long it lasts can. */
function topicChanges(path: string, before: ResolvedTopic, after: ResolvedTopic): readonly BlueprintChange[] {
  return changedKeys(before, after).map((key): BlueprintChange => {
    const change = { path: `${path}.${key}`, kind: 'changed' } as const
    switch (key) {
      case 'retentionMs':
      case 'keepUnreadMs':
        return { ...change, effect: 'live', meaning: 'holds within a minute' }
      case 'hasSchema':
      case 'isStrict':
        return { ...change, effect: 'live', meaning: 'holds where an instance starts' }
      case 'engine':
        return isMove(before, after)
          ? { ...change, effect: 'live', meaning: after.engine.kind === 'kafka' ? TO_KAFKA : TO_POSTGRES }
          : { ...change, effect: 'refused', meaning: `its events would stay where they are: ${NEW_TOPIC}` }
      default:
        return { ...change, effect: 'refused', meaning: `keys would move, and lose their order: ${NEW_TOPIC}` }
    }
  })
}

/** Between PostgreSQL and Kafka, beside the same database, which knows where the events are. */
function isMove({ engine: before }: ResolvedTopic, { engine: after }: ResolvedTopic): boolean {
  const kinds = [before.kind, after.kind].toSorted().join(' ')
  return kinds === 'kafka postgres' && before.database === after.database
}

const TO_KAFKA = 'its events stay in PostgreSQL until "npx tenfold topics move" is run; services know both places'
const TO_POSTGRES = 'refused while its events are elsewhere: "npx tenfold topics move --back" comes first'

/** Instances know where topics are from their start. */
function rolloutsForTopics(before: ResolvedBlueprint, after: ResolvedBlueprint): readonly BlueprintChange[] {
  const moved = Object.values(after.topics).filter((topic) => {
    const former = before.topics[topic.name]
    return former !== undefined && isMove(former, topic)
  })
  return Object.values(after.services).flatMap((service): readonly BlueprintChange[] => {
    const names = moved
      .map(({ name }) => name)
      .filter((name) => service.publishes.includes(name) || service.consumes.includes(name))
    if (names.length === 0 || before.services[service.name] === undefined) return []
    const change = { path: `services.${service.name}.topics`, kind: 'changed' } as const
    const meaning = `has to know where ${list(names)} is`
    return kindOfService(service) === 'server'
      ? [{ ...change, effect: 'rollout', meaning: `${meaning}: its instances are replaced` }]
      : [{ ...change, effect: 'live', meaning: `${meaning}: holds from the next run on` }]
  })
}

function queueChanges(path: string, before: ResolvedQueue, after: ResolvedQueue): readonly BlueprintChange[] {
  return changedKeys(before, after).map((key): BlueprintChange => {
    const change = { path: `${path}.${key}`, kind: 'changed' } as const
    if (key === 'limits') return { ...change, effect: 'live', meaning: 'holds from the next item' }
    if (key === 'hasSchema') return { ...change, effect: 'live', meaning: 'holds where an instance starts' }
    return { ...change, effect: 'refused', meaning: `its items would stay where they are: ${NEW_QUEUE}` }
  })
}

const NEW_QUEUE = 'add a queue with another name, work on both and put into the new one, then remove the old one'
const NEW_TOPIC = 'add a topic with another name, let services read both and write the new one, then remove the old one'

/** What of a service needs no new process. */
const LIVE: Readonly<Record<string, (before: ResolvedService, after: ResolvedService) => string>> = {
  routes: (before, after) => `${list(before.routes)} → ${list(after.routes)}`,
  requestTimeoutMs: (before, after) => `${before.requestTimeoutMs} ms → ${after.requestTimeoutMs} ms`,
  routeTimeoutsMs: () => 'holds from the next request',
  traffic: () => 'holds from the next request',
  scale: () => 'holds from the next decision',
  instances: (before, after) =>
    before.instances.desired === after.instances.desired
      ? 'only the bounds change'
      : `${before.instances.desired} → ${after.instances.desired} instances`,
}

/** What a changed option means for a service without instances to replace. */
const WITHOUT_INSTANCES = { files: 'is served from now on', job: 'holds from the next run on' } as const

function serviceChanges(path: string, before: ResolvedService, after: ResolvedService): readonly BlueprintChange[] {
  const kind = kindOfService(after)
  if (kind !== kindOfService(before)) return [otherKind(path)]
  // Where it connects to follows from what it lists.
  const keys = changedKeys(before, after).filter((key) => key !== 'connectsTo')
  return keys.map((key) => {
    const change = { path: `${path}.${key}`, kind: 'changed' } as const
    const live = Object.hasOwn(LIVE, key) ? LIVE[key] : undefined
    if (live !== undefined) return { ...change, effect: 'live', meaning: live(before, after) }
    return kind === 'server'
      ? { ...change, effect: 'rollout', meaning: 'its instances are replaced' }
      : { ...change, effect: 'live', meaning: WITHOUT_INSTANCES[kind] }
  })
}

function otherKind(path: string): BlueprintChange {
  return {
    path,
    kind: 'changed',
    effect: 'refused',
    meaning: 'a server, files and a job do not become one another while they run: give the new one another name',
    command: START_AGAIN,
  }
}

function whole(
  path: string,
  before: unknown,
  after: unknown,
  change: Pick<BlueprintChange, 'effect' | 'meaning' | 'command'>,
): readonly BlueprintChange[] {
  return isSame(before, after) ? [] : [{ path, kind: 'changed', ...change }]
}

function changedKeys<Value extends object>(before: Value, after: Value): readonly string[] {
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])] as (keyof Value & string)[]
  return keys.filter((key) => !isSame(before[key], after[key]))
}

/** A value that is left out and one that is undefined are the same. */
function isSame(before: unknown, after: unknown): boolean {
  return isDeepStrictEqual(withoutUndefined(before), withoutUndefined(after))
}

function withoutUndefined(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value))
}

function list(names: readonly string[]): string {
  return names.length === 0 ? 'none' : names.join(', ')
}
