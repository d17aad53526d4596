import type { ResolvedGateway } from '../blueprint/resolved-blueprint.ts'
import { TenfoldError } from '../core/errors.ts'

/** How a gateway process is started: handed over as JSON in `TENFOLD_GATEWAY`, where `ps` does not show it. */
export interface GatewayOptions {
  /** Address of the public listener. */
  readonly host: string
  /** Its port; 0: any. */
  readonly port: number
  /** Whether it has to be this port; else the next free one is taken. */
  readonly isPortGiven: boolean
  /** Port of the internal listener, which is on loopback always; 0: any. */
  readonly internalPort: number
  /** Of the head of a request. */
  readonly headers: ResolvedGateway['headers']
  /** The public listener speaks TLS, with the certificates that come over the admin socket. */
  readonly isSecure: boolean
  /** Unix socket of the control plane's side. */
  readonly adminSocketPath: string
  /** Time for requests under way when the gateway is asked to leave. */
  readonly stopDeadlineMs: number
}

export const GATEWAY_OPTIONS_VARIABLE = 'TENFOLD_GATEWAY'

/** Exit codes of the process that its parent acts on. */
export const EXIT_PORT_TAKEN = 10
export const EXIT_PORT_FORBIDDEN = 11

/**
 * The options in an environment.
 *
 * @throws TF_INPUT_INVALID
 */
export function readGatewayOptions(env: Readonly<Record<string, string | undefined>>): GatewayOptions {
  const text = env[GATEWAY_OPTIONS_VARIABLE]
  if (text === undefined) throw invalid('nothing')
  const options = JSON.parse(text) as Partial<Record<keyof GatewayOptions, unknown>>
  const { host, port, isPortGiven, internalPort, isSecure, adminSocketPath, stopDeadlineMs } = options
  const headers = Object(options.headers) as Partial<Record<keyof GatewayOptions['headers'], unknown>>
  const { bytesMax, countMax } = headers
  if (typeof host !== 'string' || typeof adminSocketPath !== 'string' || typeof isPortGiven !== 'boolean') {
    throw invalid(text)
  }
  if (typeof isSecure !== 'boolean' || typeof bytesMax !== 'number' || typeof countMax !== 'number') throw invalid(text)
  if (!isPort(port) || !isPort(internalPort) || typeof stopDeadlineMs !== 'number') throw invalid(text)
  return {
    host,
    port,
    isPortGiven,
    internalPort,
    headers: { bytesMax, countMax },
    isSecure,
    adminSocketPath,
    stopDeadlineMs,
  }
}

/** Whether a value is a port, or 0 for any. */
function isPort(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 65_535
}

function invalid(got: string): TenfoldError {
  return new TenfoldError('TF_INPUT_INVALID', `expected the options of the gateway in TENFOLD_GATEWAY, got ${got}`, {
    hint: 'the gateway is started by "tenfold up", not by hand',
  })
}
