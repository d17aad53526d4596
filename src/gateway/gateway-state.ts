import type { DoorState } from './doors/doors.ts'
import type { Proxy } from './proxy.ts'
import type { Certificates } from './tls/certificates.ts'

/** What a gateway process says of itself. */
export interface GatewayState {
  readonly pid: number
  /** The run of the control plane that started it, as its environment says. */
  readonly run: string | undefined
  /** Version of the configuration that is served; 0: none yet. */
  readonly configVersion: number
  /** Base URL of the public listener; empty before it listens. */
  readonly url: string
  /** Base URL of the listener for calls between services. */
  readonly internalUrl: string
  /** When the first of its certificates ends; undefined: it has none. */
  readonly certificateEndsEpochMs?: number | undefined
  /** It takes no requests any more. */
  readonly isLeaving?: boolean
  readonly services: Readonly<Record<string, GatewayServiceState>>
  /** By database. */
  readonly doors: Readonly<Record<string, DoorState>>
}

export interface GatewayServiceState {
  /** Requests between arrival and the last byte. */
  readonly inFlight: number
  /** Requests that wait for an instance. */
  readonly queued: number
  /** Instances that get no requests, and why. */
  readonly out: readonly { readonly id: string; readonly reason: string }[]
  /** So many are out that all get requests again. */
  readonly isPanic: boolean
  readonly endpoints: readonly { readonly id: string; readonly inFlight: number; readonly latencyMs: number }[]
}

/** The state of a running data plane. */
export function gatewayState(
  proxy: Proxy | undefined,
  options: {
    host: string
    ports: readonly number[]
    nowMs: number
    certificates: Certificates | undefined
    isLeaving: boolean
    doors: GatewayState['doors']
  },
): GatewayState {
  const { host, ports, nowMs, certificates, isLeaving, doors } = options
  const [publicPort, internalPort] = ports
  return {
    pid: process.pid,
    run: process.env['TENFOLD_RUN'],
    configVersion: proxy?.config.version ?? 0,
    url:
      publicPort === undefined
        ? ''
        : `${certificates === undefined ? 'http' : 'https'}://${reachableHost(host)}:${publicPort}`,
    internalUrl: internalPort === undefined ? '' : `http://127.0.0.1:${internalPort}`,
    certificateEndsEpochMs: certificates?.endsEpochMs,
    ...(isLeaving ? { isLeaving } : {}),
    doors,
    services: Object.fromEntries(
      [...(proxy?.services ?? [])].map(([name, { metrics, endpoints, health }]) => [
        name,
        {
          inFlight: metrics.inFlight,
          queued: metrics.queued,
          out: health.out.map(({ instance, detail }) => ({ id: instance.id, reason: detail })),
          isPanic: health.isPanic,
          endpoints: endpoints.map((upstream) => ({
            id: upstream.id,
            inFlight: upstream.inFlight,
            latencyMs: Number(upstream.latencyMs(nowMs).toFixed(2)),
          })),
        },
      ]),
    ),
  }
}

/** A host to put into a URL: a wildcard address is no place to go to. */
function reachableHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1'
  return host.includes(':') ? `[${host}]` : host
}
