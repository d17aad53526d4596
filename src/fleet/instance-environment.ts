import { dirname, delimiter } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { ResolvedService } from '../blueprint/resolved-blueprint.ts'
import { TenfoldError } from '../core/errors.ts'
import { zoneOf } from './zones.ts'

/** What the environment of an instance is made of. */
export interface InstanceEnvironmentParts {
  readonly service: ResolvedService
  readonly id: string
  readonly host: string
  readonly port: number
  /** Base URL on the gateway's internal listener, by service. */
  readonly urls: Readonly<Record<string, string>>
  /** URL of the primary, by database. @default none */
  readonly databaseUrls?: Readonly<Record<string, string>>
  readonly bindingsFile: string
  /** The blueprint's file in the release. @default none */
  readonly blueprint?: string | undefined
  /** Node executable; its directory comes first on the PATH. */
  readonly node: string
  /** Module that Node services load first. */
  readonly preload: string
  /** Whether Tenfold runs from its sources. */
  readonly isCheckout: boolean
  readonly telemetry: { readonly socket: string; readonly token: string } | undefined
  /** A directory the instance may write to. */
  readonly home: string
  /** Where Node keeps what it has compiled; undefined: nowhere. */
  readonly compileCache?: string | undefined
  /** Where the machine's PATH and time zone are taken from, and secrets, unless `secrets` is given. */
  readonly surroundings: Readonly<Record<string, string | undefined>>
  /** The values of secrets, and the file that has them beside the environment. */
  readonly secrets?: {
    readonly values: Readonly<Record<string, string | undefined>>
    readonly file: string | undefined
  }
}

const PATH_DEFAULT = '/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin'
const PASSED_ON = ['LANG', 'LC_ALL', 'TZ', 'NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'SSL_CERT_DIR'] as const

/** What depends on where `tenfold` was called: no reason to replace an instance. */
export const OF_THE_TERMINAL: ReadonlySet<string> = new Set(['PATH', 'HOME', ...PASSED_ON])

/**
 * The whole environment of an instance: what it is told of its place, then its own `env` from the blueprint, which wins.
 * Nothing else of ours gets there, least of all other services' secrets.
 *
 * @throws TF_SECRET_MISSING
 */
export function instanceEnvironment(parts: InstanceEnvironmentParts): Record<string, string> {
  const { service, surroundings } = parts
  const env: Record<string, string> = {
    PATH: [dirname(parts.node), surroundings.PATH ?? PATH_DEFAULT].join(delimiter),
    HOME: parts.home,
    LANG: 'C.UTF-8',
    NODE_ENV: 'production',
    NODE_OPTIONS: nodeOptions(parts),
    HOST: parts.host,
    PORT: String(parts.port),
    TENFOLD_SERVICE: service.name,
    TENFOLD_INSTANCE: parts.id,
    TENFOLD_BINDINGS: parts.bindingsFile,
  }
  if (parts.blueprint !== undefined) env.TENFOLD_BLUEPRINT = parts.blueprint
  const zone = zoneOf(parts.id, service.zones ?? [])
  if (zone !== undefined) env.TENFOLD_ZONE = zone
  if (parts.compileCache !== undefined) env.NODE_COMPILE_CACHE = parts.compileCache
  if (service.listensOn?.isMoved === true) env.TENFOLD_LISTENS_ON = String(service.listensOn.port)
  for (const name of PASSED_ON) {
    const value = surroundings[name]
    if (value !== undefined) env[name] = value
  }
  for (const name of service.calls) {
    const url = parts.urls[name]
    if (url !== undefined) env[urlVariable(name)] = url
  }
  for (const [name, url] of Object.entries(parts.databaseUrls ?? {})) env[databaseVariable(name)] = url
  if (parts.telemetry !== undefined) {
    env.TENFOLD_TELEMETRY = parts.telemetry.socket
    env.TENFOLD_TELEMETRY_TOKEN = parts.telemetry.token
  }
  return { ...env, ...ownEnvironment(service, parts.secrets ?? { values: surroundings, file: undefined }) }
}

/**
 * The variable that holds the URL of another service.
 *
 * @example urlVariable('price-list') // 'TENFOLD_URL_PRICE_LIST'
 */
export function urlVariable(service: string): string {
  return `TENFOLD_URL_${service.toUpperCase().replaceAll('-', '_')}`
}

/**
 * The variable that holds the URL of a database.
 *
 * @example databaseVariable('orders') // 'TENFOLD_DATABASE_ORDERS'
 */
export function databaseVariable(database: string): string {
  return `TENFOLD_DATABASE_${database.toUpperCase().replaceAll('-', '_')}`
}

function nodeOptions({ isCheckout, preload }: InstanceEnvironmentParts): string {
  // As a URL, which has no spaces, whatever the path: NODE_OPTIONS is split at them.
  const options = [`--import=${pathToFileURL(preload).href}`]
  return (isCheckout ? ['--conditions=tenfold-source', ...options] : options).join(' ')
}

function ownEnvironment(
  service: ResolvedService,
  { values, file }: NonNullable<InstanceEnvironmentParts['secrets']>,
): Record<string, string> {
  const own: Record<string, string> = {}
  for (const [variable, value] of Object.entries(service.env)) {
    const text = value.kind === 'literal' ? value.value : values[value.name]
    if (text === undefined) throw missing(service.name, variable, value.kind === 'secret' ? value.name : variable, file)
    own[variable] = text
  }
  return own
}

function missing(service: string, variable: string, secret: string, file: string | undefined): TenfoldError {
  const where = file === undefined ? 'in the environment of tenfold' : `in the environment of tenfold or in ${file}`
  const line = file === undefined ? '' : `, or add a line ${secret}=… to the file`
  return new TenfoldError(
    'TF_SECRET_MISSING',
    `expected the secret ${secret}, which ${service} gets as ${variable}, ${where}`,
    { hint: `set it where you start tenfold: export ${secret}=…${line}`, details: { service, variable, secret } },
  )
}
