import type {
  DatabaseStatus,
  InstanceStatus,
  JobStatus,
  ReleasingStatus,
  ServiceStatus,
  SystemSnapshot,
} from '../control/snapshot.ts'
import type { QueueStatus } from '../control/queue-status.ts'
import type { TopicStatus } from '../control/topic-status.ts'
import { formatDuration } from '../core/duration.ts'
import { portOf } from '../core/port-of.ts'
import { formatTable } from '../core/table.ts'
import { backupNote } from './backup-note.ts'
import { nodesNote } from './nodes-note.ts'
import type { Terminal } from './terminal.ts'

/** Instances that get no requests and are named; of more there is only the number. */
const UNWELL_SHOWN = 3

/** What a person sees of a running system: where it is, what runs, what is not well. */
export function statusView(snapshot: SystemSnapshot, style: Terminal['style']): string {
  const databases = Object.values(snapshot.databases).map((database) => [
    database.name,
    database.shard === undefined ? 'database' : 'shard',
    paintState(database.state, style),
    database.nodes.map(({ port }) => (port === undefined ? '' : `:${port}`)).join(' '),
    databaseNote(database),
  ])
  const services = Object.values(snapshot.services).map((service) => [
    service.name,
    service.kind ?? 'service',
    paintState(serviceState(service), style),
    service.instances.map(({ port }) => (port === undefined ? '' : `:${port}`)).join(' '),
    serviceNote(service),
  ])
  const gateway = [
    'gateway',
    'gateway',
    paintState(snapshot.gateway.state, style),
    snapshot.gateway.url === undefined ? '' : `:${portOf(snapshot.gateway.url)}`,
    gatewayNote(snapshot.gateway),
  ]
  const topics = Object.values(snapshot.topics ?? {}).map((topic) => [topic.name, 'topic', ...topicCells(topic, style)])
  const queues = Object.values(snapshot.queues ?? {}).map((queue) => [queue.name, 'queue', ...queueCells(queue, style)])
  const heading = ['name', 'kind', 'state', 'ports', ''].map((text) => style('dim', text))
  return [
    `${style('bold', snapshot.system)} (${snapshot.configuration})  ${paintState(snapshot.phase, style)}  ${
      snapshot.gateway.url === undefined ? '' : style('underline', snapshot.gateway.url)
    }`.trimEnd(),
    ...(snapshot.timeScale === undefined ? [] : [`  control time × ${snapshot.timeScale}`]),
    formatTable([heading, gateway, ...services, ...databases, ...topics, ...queues], '  '),
    ...(snapshot.telemetry === undefined ? [] : [style('dim', `  metrics  ${snapshot.telemetry.metricsUrl}`)]),
    ...snapshot.notices.map(({ level, message, hint }) => {
      const mark = level === 'info' ? style('dim', 'i') : style(level === 'error' ? 'red' : 'yellow', '!')
      return `  ${mark} ${message}${hint === undefined ? '' : style('dim', ` (${hint})`)}`
    }),
  ].join('\n')
}

function databaseNote({ version, shard, reason, nodes, alarm, backup }: DatabaseStatus): string {
  const { buckets } = shard ?? {}
  const texts = [
    version === undefined ? '' : `PostgreSQL ${version}`,
    buckets === undefined ? '' : `${buckets} bucket${buckets === 1 ? '' : 's'}`,
    reason ?? '',
    nodesNote(nodes, alarm),
    backupNote(backup),
  ]
  return texts.filter((text) => text !== '').join(', ')
}

/** Who is behind, and what they could not handle; a group that keeps up is not worth a word. */
function topicCells({ groups, outboxes }: TopicStatus, style: Terminal['style']): readonly string[] {
  const notes = groups.flatMap(({ group, messages, isMore, oldestAgeMs, members, deadLetters }) => [
    ...(messages === 0 ? [] : [`${group} is ${messages}${isMore ? '+' : ''} behind, ${formatDuration(oldestAgeMs)}`]),
    ...(messages > 0 && members === 0 ? [`nobody reads for ${group}`] : []),
    ...(deadLetters === 0 ? [] : [`${group} has ${deadLetters} dead letter${deadLetters === 1 ? '' : 's'}`]),
  ])
  const waiting = outboxes.map(({ database, messages }) => `${messages} wait in the outbox of ${database}`)
  const hasDead = groups.some(({ deadLetters }) => deadLetters > 0)
  return [hasDead ? style('yellow', 'ready') : paintState('ready', style), '', [...notes, ...waiting].join(', ')]
}

/** What is due and not begun, and what nobody could do. */
function queueCells(queue: QueueStatus, style: Terminal['style']): readonly string[] {
  const { waiting, isMore, oldestAgeMs, workers, deadItems, outboxes } = queue
  const notes = [
    ...(waiting === 0 ? [] : [`${waiting}${isMore ? '+' : ''} wait, ${formatDuration(oldestAgeMs)}`]),
    ...(waiting > 0 && workers === 0 ? ['nobody works on it'] : []),
    ...(deadItems === 0 ? [] : [`${deadItems} dead item${deadItems === 1 ? '' : 's'}`]),
    ...outboxes.map(({ database, messages }) => `${messages} wait in the outbox of ${database}`),
  ]
  return [deadItems > 0 ? style('yellow', 'ready') : paintState('ready', style), '', notes.join(', ')]
}

/** `ready`, or the state of the instance that is furthest from it. */
function serviceState({ instances, desired, kind, release, job }: ServiceStatus): string {
  if (job !== undefined && job.running > 0) return 'running'
  if (kind !== undefined) return release === undefined ? 'starting' : 'ready'
  const order: readonly InstanceStatus['state'][] = [
    'crash-looping',
    'backing-off',
    'starting',
    'draining',
    'stopping',
    'stopped',
  ]
  const worst = order.find((state) => instances.some((instance) => instance.state === state))
  return worst ?? (instances.length >= desired ? 'ready' : 'starting')
}

/** Who gets no requests and why; of many, the first ones. */
function gatewayNote({ unwell = [] }: SystemSnapshot['gateway']): string {
  const texts = unwell
    .slice(0, UNWELL_SHOWN)
    .map(({ instance, reason, isServedNonetheless }) =>
      isServedNonetheless ? `${instance} unwell but needed (${reason})` : `nothing goes to ${instance} (${reason})`,
    )
  const rest = unwell.length - texts.length
  return [...texts, ...(rest > 0 ? [`and ${rest} more`] : [])].join(', ')
}

function serviceNote(service: ServiceStatus): string {
  const { instances, desired, kind, release, job, releasing } = service
  if (kind === 'job') return jobNote(job)
  if (kind === 'files') return release === undefined ? '' : `release ${release.slice(0, 8)}`
  const ready = instances.filter(({ state }) => state === 'ready').length
  const notes = [`${ready} of ${desired} instance${desired === 1 ? '' : 's'} ready`]
  if (releasing !== undefined) notes.push(releasingNote(releasing))
  // What is wrong now before what was wrong; of one that is ready and answers no health check, too.
  const isReady = ({ state }: InstanceStatus): boolean => state === 'ready'
  const withReason = instances.filter(({ reason }) => reason !== undefined)
  const worst = withReason.find((instance) => !isReady(instance)) ?? withReason[0]
  if (worst !== undefined) notes.push(isReady(worst) ? `${worst.id}: ${worst.reason}` : worst.reason!)
  const restarts = instances.reduce((sum, instance) => sum + instance.restarts, 0)
  if (restarts > 0 && worst === undefined) {
    const failures = instances.flatMap(({ lastFailure }) => lastFailure ?? [])
    const last = failures.toSorted((a, b) => b.atEpochMs - a.atEpochMs)[0]
    notes.push(`${restarts} restart${restarts === 1 ? '' : 's'}${last === undefined ? '' : `: ${last.reason}`}`)
  }
  const zones = zonesNote(instances)
  if (zones !== undefined) notes.push(zones)
  const scaling = scalingNote(service)
  if (scaling !== undefined) notes.push(scaling)
  return notes.join(', ')
}

/** How many serve in each zone: `zones a 2, b 1`. */
function zonesNote(instances: readonly InstanceStatus[]): string | undefined {
  const counts = new Map<string, number>()
  for (const { zone, state } of instances) {
    if (zone !== undefined) counts.set(zone, (counts.get(zone) ?? 0) + (state === 'ready' ? 1 : 0))
  }
  if (counts.size === 0) return undefined
  const texts = [...counts].toSorted(([a], [b]) => a.localeCompare(b, 'en')).map(([zone, count]) => `${zone} ${count}`)
  return `zones ${texts.join(' ')}`
}

/** What the autoscaler says of it: the last change, and what holds it back now. */
function scalingNote({ scaling }: ServiceStatus): string | undefined {
  if (scaling === undefined) return undefined
  if (scaling.mode === 'manual') return 'set by hand'
  const { last, lastChange } = scaling
  // What is held back is worth more than what went through.
  const shown =
    last?.limit === 'cap' || last?.limit === 'max' || last?.limit === 'unmeasured' ? last : (lastChange ?? last)
  if (shown === undefined) return `scales by ${scaling.metric}`
  return `${shown.from === shown.to ? '' : `${shown.from} → ${shown.to}: `}${shown.reason}`
}

function matchText({ key, value }: NonNullable<ReleasingStatus['match']>): string {
  return 'cookie' in key ? `cookie: ${key.cookie}=${value}` : `${key.header}: ${value}`
}

/** Also in what is shown while a release goes on. */
export function releasingNote({ release, phase, share = 1, match }: ReleasingStatus): string {
  const id = release.slice(0, 8)
  if (phase === 'watched') return `release ${id} is watched`
  const besides = match === undefined ? '' : ` and ${matchText(match)}`
  return `canary ${id} has ${Number((share * 100).toPrecision(3))} %${besides}`
}

function paintState(state: string, style: Terminal['style']): string {
  if (/^(running|ready)$/.test(state)) return style('green', state)
  return /^(failed|crash-looping|degraded)$/.test(state) ? style('red', state) : style('yellow', state)
}

/** Times as people of the machine's logs read them: UTC, to the minute. */
function jobNote({ nextEpochMs, last }: JobStatus = { running: 0 }): string {
  const time = (epochMs: number): string => `${new Date(epochMs).toISOString().slice(0, 16).replace('T', ' ')}Z`
  const next = nextEpochMs === undefined ? 'never again' : `next ${time(nextEpochMs)}`
  if (last === undefined) return next
  const { scheduledEpochMs, outcome, reason } = last
  return `${next}, last ${time(scheduledEpochMs)} ${outcome}${reason === undefined ? '' : ` (${reason})`}`
}
