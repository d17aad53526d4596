import { endsSoon, readCertificate } from '../../core/certificate.ts'
import { systemClock } from '../../core/clock.ts'
import { TenfoldError } from '../../core/errors.ts'
import { readSecretsFile } from '../../core/secrets-file.ts'
import { requireKafkaClient } from '../../backends/kafka/kafka-connection.ts'
import { requireRabbitClient } from '../../backends/rabbitmq/rabbit-connection.ts'
import { formatDuration } from '../../core/duration.ts'
import type {
  ResolvedBlueprint,
  ResolvedDatabase,
  ResolvedService,
  ResolvedTopicEngine,
} from '../../blueprint/resolved-blueprint.ts'
import { isFiles, isJob } from '../../blueprint/service-kind.ts'
import { namedBlueprint } from '../blueprint-argument.ts'
import type { Command } from '../command.ts'
import { BLUEPRINT_ARGUMENT, EXIT } from '../command.ts'
import { formatTable } from '../../core/table.ts'

/** `tenfold check`: is the blueprint one that this version runs? */
export const check: Command = {
  name: 'check',
  summary: 'say whether a blueprint is right, and what it describes',
  description: 'Loads the blueprint, checks every name, unit and relation, and prints what would run. Starts nothing.',
  argument: BLUEPRINT_ARGUMENT,
  options: {},
  examples: [
    ['npx tenfold check', 'the blueprint in this directory'],
    ['npx tenfold check systems/bytebites --config before', 'another configuration of a system'],
  ],
  async run(input) {
    const blueprint = await namedBlueprint(input)
    const { terminal } = input
    const nowMs = systemClock.epochMs()
    for (const files of blueprint.gateway.certificates) {
      const { endsEpochMs } = await readCertificate(files)
      if (!endsSoon(endsEpochMs, nowMs)) continue
      const when = `${endsEpochMs <= nowMs ? 'ended' : 'ends'} ${new Date(endsEpochMs).toISOString().slice(0, 10)}`
      terminal.note(terminal.style('yellow', `the certificate in ${files.certificate} ${when}: put a new one there`))
    }
    for (const missing of await missingForEngines(blueprint)) terminal.note(terminal.style('yellow', missing))
    terminal.out(input.options['json'] === true ? JSON.stringify(blueprint) : describeBlueprint(blueprint))
    return EXIT.success
  },
}

/** What `up` would miss of topics and queues on engines elsewhere: variables, and the client. */
async function missingForEngines({ topics, queues, secretsFile }: ResolvedBlueprint): Promise<readonly string[]> {
  const engines = [...Object.values(topics), ...Object.values(queues)].flatMap(({ engine }) =>
    engine.kind === 'postgres' ? [] : [engine],
  )
  if (engines.length === 0) return []
  const values = { ...(secretsFile === undefined ? {} : await readSecretsFile(secretsFile)), ...process.env }
  const unset = new Map(
    engines.filter(({ urlVariable }) => !values[urlVariable]).map(({ urlVariable, kind }) => [urlVariable, kind]),
  )
  return [
    ...[...unset].map(([name, kind]) => `$${name} is not set: "tenfold up" needs it, as ${ENGINES[kind].url}`),
    ...[...new Set(engines.map(({ kind }) => kind))].flatMap(missingClient),
  ]
}

function missingClient(kind: keyof typeof ENGINES): readonly string[] {
  try {
    ENGINES[kind].requireClient()
    return []
  } catch (error) {
    if (!(error instanceof TenfoldError)) throw error
    return [`${error.message}: ${error.hint}`]
  }
}

/** What would run, as a table. */
export function describeBlueprint({
  name,
  configuration,
  databases,
  topics,
  queues,
  services,
  objectives,
  load,
}: ResolvedBlueprint): string {
  const rows = [
    ...Object.values(services).map((service) => [
      service.name,
      kindText(service),
      [
        timesText(service),
        service.routes.length > 0 ? `routes ${service.routes.join(', ')}` : isJob(service) ? '' : 'internal',
        list('databases', service.databases),
        list('publishes', service.publishes),
        list('consumes', service.consumes),
        list('enqueues', service.enqueues),
        list('works', service.works),
        list('calls', service.calls),
        objectiveText(objectives[service.name]),
      ]
        .filter((text) => text !== '')
        .join('; '),
    ]),
    ...Object.values(databases).map((database) => [
      database.name,
      database.engine.kind === 'embedded' ? 'PostgreSQL' : 'PostgreSQL elsewhere',
      database.engine.kind === 'embedded' ? shardsText(database) : `at $${database.engine.urlVariable}`,
    ]),
    ...Object.values(topics).map(({ name, engine, partitions }) => [
      name,
      'topic',
      `${partitions} ${partitions === 1 ? 'partition' : 'partitions'} ${placeText(engine)}`,
    ]),
    ...Object.values(queues).map(({ name, engine }) => [
      name,
      'queue',
      engine.kind === 'postgres' ? `in ${engine.database}` : `${ENGINES.rabbitmq.place} at $${engine.urlVariable}`,
    ]),
  ]
  const peak =
    load === undefined
      ? []
      : [
          `  peak: ${load.peakPerSecond} sessions/s of ${load.scenarios.map((scenario) => scenario.name).join(', ')}, ` +
            `${load.arrivals.shape} arrivals over ${formatDuration(load.durationMs)}`,
        ]
  return [`${name} (${configuration}) is right.`, formatTable([['name', 'kind', ''], ...rows], '  '), ...peak].join(
    '\n',
  )
}

const ENGINES = {
  kafka: { place: 'in Kafka', url: 'kafka://host:9092', requireClient: requireKafkaClient },
  rabbitmq: { place: 'on RabbitMQ', url: 'amqp://user:password@host/vhost', requireClient: requireRabbitClient },
} as const

function placeText(engine: ResolvedTopicEngine): string {
  if (engine.kind === 'postgres') return `in ${engine.database}`
  return `${ENGINES[engine.kind].place} at $${engine.urlVariable}, beside ${engine.database}`
}

function kindText(service: ResolvedService): string {
  if (isFiles(service)) return 'files'
  return isJob(service) ? 'job' : `service × ${service.instances.desired}`
}

function timesText(service: ResolvedService): string {
  return isJob(service) ? `runs at ${service.schedule.cron} (${service.schedule.timezone})` : ''
}

function list(label: string, names: readonly string[]): string {
  return names.length === 0 ? '' : `${label} ${names.join(', ')}`
}

function shardsText({ sharding }: ResolvedDatabase): string {
  if (sharding === undefined) return ''
  const { count, key, strategy } = sharding
  return `${count} shard${count === 1 ? '' : 's'} by ${strategy.by} of ${key}`
}

function objectiveText(objective: ResolvedBlueprint['objectives'][string] | undefined): string {
  if (objective === undefined) return ''
  const bounds = objective.latency.map(({ percentile, boundMs }) => `p${percentile} ≤ ${formatDuration(boundMs)}`)
  const availability =
    objective.availability === undefined ? [] : [`${Number((objective.availability * 100).toFixed(4))} % available`]
  return `objective ${[...availability, ...bounds].join(', ')}`
}
