import { TenfoldError } from '../core/errors.ts'

/** Where spans are sent, and how. */
export interface OtlpSettings {
  /** The whole URL of the traces: `http://localhost:4318/v1/traces`. */
  readonly url: string
  /** Sent with each request; they may hold secrets. */
  readonly headers: Readonly<Record<string, string>>
  readonly timeoutMs: number
  /** Said of every span, beside who made it. */
  readonly resource: Readonly<Record<string, string>>
}

type Environment = Readonly<Record<string, string | undefined>>

const TIMEOUT_MS = 10_000
const TIMEOUT_MS_MAX = 60_000

/**
 * The settings in an environment, by the names of OpenTelemetry
 * (https://opentelemetry.io/docs/specs/otel/protocol/exporter/): `OTEL_EXPORTER_OTLP_ENDPOINT`, `…_HEADERS`,
 * `…_TIMEOUT`, `…_PROTOCOL`, each also as `OTEL_EXPORTER_OTLP_TRACES_…`, which comes first; `OTEL_RESOURCE_ATTRIBUTES`;
 * `OTEL_TRACES_EXPORTER=none` and `OTEL_SDK_DISABLED=true`. Undefined when nothing is to be sent.
 *
 * @throws TF_OPTION_INVALID for a value that means nothing, or a protocol that we do not speak
 */
export function otlpSettings(environment: Environment): OtlpSettings | undefined {
  const isOff = environment['OTEL_TRACES_EXPORTER'] === 'none' || environment['OTEL_SDK_DISABLED'] === 'true'
  const url = isOff ? undefined : tracesUrl(environment)
  if (url === undefined) return undefined
  const protocol = settingOf(environment, 'PROTOCOL')
  if (protocol?.value === 'grpc') {
    throw new TenfoldError('TF_OPTION_INVALID', `expected ${protocol.name} to be http/json, got "grpc"`, {
      hint: "give the collector's address for OTLP over HTTP, as a rule port 4318, and set http/json",
    })
  }
  return {
    url,
    headers: pairsOf(settingOf(environment, 'HEADERS')),
    timeoutMs: timeoutOf(settingOf(environment, 'TIMEOUT')),
    resource: pairsOf({ name: 'OTEL_RESOURCE_ATTRIBUTES', value: environment['OTEL_RESOURCE_ATTRIBUTES'] ?? '' }),
  }
}

interface Setting {
  readonly name: string
  readonly value: string
}

/** What holds for traces alone comes before what holds for everything. Empty is not set. */
function settingOf(environment: Environment, what: string): Setting | undefined {
  for (const name of [`OTEL_EXPORTER_OTLP_TRACES_${what}`, `OTEL_EXPORTER_OTLP_${what}`]) {
    const value = environment[name]?.trim()
    if (value !== undefined && value !== '') return { name, value }
  }
  return undefined
}

function tracesUrl(environment: Environment): string | undefined {
  const setting = settingOf(environment, 'ENDPOINT')
  if (setting === undefined) return undefined
  const { name, value } = setting
  const url = /^https?:\/\//.test(value) && URL.canParse(value) ? new URL(value) : undefined
  // A password in it would be said again in notices: there is a place for it.
  if (url === undefined || url.username !== '' || url.password !== '') {
    const got = url === undefined ? JSON.stringify(value) : 'one with a user or a password'
    throw new TenfoldError(
      'TF_OPTION_INVALID',
      `expected ${name} to be a URL such as http://localhost:4318, got ${got}`,
      {
        hint: 'correct it, or unset it to send nothing; credentials go into OTEL_EXPORTER_OTLP_HEADERS',
      },
    )
  }
  return name.includes('TRACES') ? url.href : `${url.href.replace(/\/$/, '')}/v1/traces`
}

function timeoutOf(setting: Setting | undefined): number {
  if (setting === undefined) return TIMEOUT_MS
  const timeoutMs = Number(setting.value)
  if (timeoutMs > 0) return Math.min(timeoutMs, TIMEOUT_MS_MAX)
  throw new TenfoldError(
    'TF_OPTION_INVALID',
    `expected ${setting.name} to be a number of milliseconds, got ${JSON.stringify(setting.value)}`,
    { hint: 'correct it, or unset it for 10000' },
  )
}

/** `key=value,key=value`, the values as in a URL. */
function pairsOf(setting: Setting | undefined): Readonly<Record<string, string>> {
  const pairs: Record<string, string> = {}
  for (const pair of setting?.value.split(',').filter((text) => text.trim() !== '') ?? []) {
    const [, key = '', value = ''] = /^\s*([^\s=]+)\s*=\s*(.*?)\s*$/.exec(pair) ?? []
    try {
      if (key === '') throw new Error('no key')
      pairs[key] = decodeURIComponent(value)
    } catch {
      // Without the text: it may be a secret.
      throw new TenfoldError('TF_OPTION_INVALID', `expected ${setting!.name} to be key=value,key=value`, {
        hint: 'write %2C for a comma in a value, and %25 for a per cent sign',
      })
    }
  }
  return pairs
}
