import { basename } from 'node:path'
import type {
  ResolvedBlueprint,
  ResolvedGateway,
  ResolvedQueue,
  ResolvedTopic,
} from '../../blueprint/resolved-blueprint.ts'
import type { CertificateFiles } from '../../core/certificate.ts'
import { endsSoon, readCertificate } from '../../core/certificate.ts'
import { readSecretsFile } from '../../core/secrets-file.ts'
import type { Check } from '../check.ts'
import { check } from '../check.ts'

const GATEWAY_DEFAULT: Pick<ResolvedGateway, 'host' | 'port' | 'isPortGiven'> = {
  host: '127.0.0.1',
  port: 8080,
  isPortGiven: false,
}
/** What the shell does by itself, or starts with something else. */
const NO_PROGRAM = /^(?:exec|cd|set|export|env|\.|source|if|for|while)$|[/$"'`(]/

/** What a blueprint needs of the machine; without one, what most need. */
export function blueprintChecks(blueprint: ResolvedBlueprint | undefined): readonly Check[] {
  const databases = Object.values(blueprint?.databases ?? {})
  const hasEmbedded = blueprint === undefined || databases.some(({ engine }) => engine.kind === 'embedded')
  return [
    gatewayCheck(blueprint?.gateway ?? GATEWAY_DEFAULT),
    ...(blueprint?.gateway.certificates ?? []).map(certificateCheck),
    ...(hasEmbedded ? [postgresCheck] : []),
    ...databases.flatMap(({ name, engine }) =>
      engine.kind === 'server' ? [serverCheck(name, engine.urlVariable)] : [],
    ),
    ...(blueprint === undefined ? [] : ownChecks(blueprint)),
  ]
}

function gatewayCheck({ host, port, isPortGiven }: typeof GATEWAY_DEFAULT): Check {
  return check({
    name: 'gateway port',
    why: 'The gateway listens there.',
    observe: async (probes) => ({
      isFree: port === 0 || (await probes.isPortFree(host, port)),
      running: await probes.runningGatewayPort(),
    }),
    judge({ isFree, running }) {
      if (running === port) return { verdict: 'ok', found: `${port}, on which this system listens now` }
      if (isFree) return { verdict: 'ok', found: port === 0 ? 'any free one' : `${port} is free` }
      const found = `${port} is in use`
      return isPortGiven
        ? { verdict: 'problem', found, todo: 'choose another in the blueprint, or end what listens there' }
        : { verdict: 'warning', found, todo: 'nothing, if another port is fine: a free one is taken and printed' }
    },
  })
}

function certificateCheck(files: CertificateFiles): Check {
  return check({
    name: `certificate ${basename(files.certificate)}`,
    why: 'The gateway shows it to its clients.',
    observe: async (probes) => ({ ...(await readCertificate(files)), nowMs: probes.epochMs() }),
    judge({ names, startsEpochMs, endsEpochMs, nowMs }) {
      const day = (epochMs: number): string => new Date(epochMs).toISOString().slice(0, 10)
      const todo = 'put a new one there, with its key: a running gateway takes it within seconds'
      if (nowMs < startsEpochMs) return { verdict: 'problem', found: `begins ${day(startsEpochMs)}`, todo }
      if (endsEpochMs <= nowMs) return { verdict: 'problem', found: `ended ${day(endsEpochMs)}`, todo }
      const found = `for ${names}, ends ${day(endsEpochMs)}`
      return endsSoon(endsEpochMs, nowMs) ? { verdict: 'warning', found, todo } : { verdict: 'ok', found }
    },
  })
}

const postgresCheck: Check = check({
  name: 'PostgreSQL',
  why: 'Databases without a url run here, from the programs that npm has installed.',
  observe: (probes) => probes.postgresVersion(),
  judge: (version) => ({ verdict: 'ok', found: version }),
})

function serverCheck(name: string, variable: string): Check {
  return check({
    name: `database ${name}`,
    why: `The blueprint has it on a server of its own, at $${variable}.`,
    async observe(probes) {
      const url = probes.environment[variable]
      return url === undefined || url === '' ? undefined : probes.serverVersion(name, url)
    },
    judge: (version) =>
      version === undefined
        ? { verdict: 'problem', found: `$${variable} is not set`, todo: `set it: export ${variable}=postgres://…` }
        : { verdict: 'ok', found: `PostgreSQL ${version} answers` },
  })
}

function ownChecks({
  services,
  databases,
  topics,
  queues,
  directory,
  secretsFile,
}: ResolvedBlueprint): readonly Check[] {
  const programs = Object.values(services).flatMap(({ program }) =>
    program.kind === 'command' ? programOf(program.command) : [],
  )
  const secrets = Object.values(services).flatMap(({ env }) =>
    Object.values(env).flatMap((value) => (value.kind === 'secret' ? [value.name] : [])),
  )
  const hasDatabases = Object.keys(databases).length > 0
  return [
    ...(programs.length > 0 ? [programsCheck([...new Set(programs)])] : []),
    ...(secrets.length > 0 ? [secretsCheck([...new Set(secrets)], secretsFile)] : []),
    ...(hasDatabases ? [kyselyCheck(directory)] : []),
    ...engineChecks([...Object.values(topics), ...Object.values(queues)], { directory, secretsFile }),
  ]
}

const ENGINES = {
  kafka: { name: 'Kafka', client: '@platformatic/kafka', url: 'kafka://host:9092' },
  rabbitmq: { name: 'RabbitMQ', client: 'amqplib', url: 'amqp://user:password@host/vhost' },
} as const

function engineChecks(
  held: readonly (ResolvedTopic | ResolvedQueue)[],
  { directory, secretsFile }: Pick<ResolvedBlueprint, 'directory' | 'secretsFile'>,
): readonly Check[] {
  const engines = held.flatMap(({ engine }) => (engine.kind === 'postgres' ? [] : [engine]))
  const kinds = new Map(engines.map(({ urlVariable, kind }) => [urlVariable, kind]))
  return [...kinds].map(([variable, kind]) =>
    check({
      name: `${ENGINES[kind].name} at $${variable}`,
      why: 'The blueprint has topics or queues there.',
      async observe(probes) {
        const values = {
          ...(secretsFile === undefined ? {} : await readSecretsFile(secretsFile)),
          ...probes.environment,
        }
        const isInstalled = await probes.hasPackage(ENGINES[kind].client, directory)
        return { isSet: (values[variable] ?? '') !== '', isInstalled }
      },
      judge({ isSet, isInstalled }) {
        if (!isSet) {
          const todo = `set it: export ${variable}=${ENGINES[kind].url}`
          return { verdict: 'problem', found: `$${variable} is not set`, todo }
        }
        return isInstalled
          ? { verdict: 'ok', found: 'the variable is set, and the client is installed' }
          : { verdict: 'problem', found: 'its client is not installed', todo: `npm install ${ENGINES[kind].client}` }
      },
    }),
  )
}

/** The program that a command begins with, where that can be seen. */
function programOf(command: string): readonly string[] {
  const word = command
    .trim()
    .split(/[\s;|&]+/)
    .find((part) => !/^[A-Za-z_]\w*=/.test(part))
  return word === undefined || word === '' || NO_PROGRAM.test(word) ? [] : [word]
}

function programsCheck(names: readonly string[]): Check {
  return check({
    name: 'programs',
    why: 'Commands of the blueprint begin with them.',
    observe: async (probes) => {
      const found = await Promise.all(names.map(async (name) => ((await probes.hasProgram(name)) ? [] : [name])))
      return found.flat()
    },
    judge: (missing) =>
      missing.length === 0
        ? { verdict: 'ok', found: names.join(', ') }
        : {
            verdict: 'problem',
            found: `${missing.join(', ')} can't be found`,
            todo: 'install it where the account of the children finds it, or write its whole path',
          },
  })
}

function secretsCheck(names: readonly string[], file: string | undefined): Check {
  return check({
    name: 'secrets',
    why: 'Services of the blueprint get them from the environment of tenfold, or from its file of secrets.',
    async observe({ environment }) {
      const values = { ...(file === undefined ? {} : await readSecretsFile(file)), ...environment }
      return names.filter((name) => values[name] === undefined)
    },
    judge: (missing) =>
      missing.length === 0
        ? { verdict: 'ok', found: names.join(', ') }
        : {
            verdict: 'problem',
            found: `${missing.join(', ')} not set`,
            todo: `set what is missing where you start tenfold: export ${missing[0]}=…`,
          },
  })
}

function kyselyCheck(directory: string): Check {
  return check({
    name: 'Kysely',
    why: 'Handles of databases have their query builder from it.',
    observe: (probes) => probes.hasPackage('kysely', directory),
    judge: (isThere) =>
      isThere
        ? { verdict: 'ok', found: 'installed' }
        : { verdict: 'warning', found: 'not installed', todo: 'if a service uses it: npm install kysely' },
  })
}
