import type { MetricFrame } from '../control/metric-frame.ts'
import type { Span } from '../control/span.ts'
import { jsonSocketRequest, jsonSocketStream } from '../control/json-socket.ts'
import type { GatewayConfig } from './gateway-config.ts'
import type { GatewayState } from './gateway-state.ts'
import type { CertificatePair } from './tls/certificates.ts'

/** The control plane's side of a gateway process. Every call throws TF_CONTROL_UNREACHABLE when it does not answer. */
export interface GatewayClient {
  /**
   * Hands over the whole configuration. `isApplied` is false when the gateway holds a newer one, whose version is given.
   * `shut` says what keeps doors shut, by database.
   *
   * @throws TF_INPUT_INVALID
   */
  configure(
    config: GatewayConfig,
  ): Promise<{ isApplied: boolean; version: number; shut: Readonly<Record<string, string>> }>
  /** Takes no more requests, waits for the last answers, and cuts what is left at the deadline. Doors stay open. */
  closeEntrances(deadlineMs: number): Promise<void>
  /** Hands over what the public listener shows from now on; the keys are kept in its memory alone. */
  certify(certificates: readonly CertificatePair[]): Promise<void>
  /** Metric frames from now on, one a second; ends with the signal. */
  frames(signal?: AbortSignal): AsyncGenerator<MetricFrame, void, undefined>
  /** Spans of the requests that ended from now on, a list a second; ends with the signal. */
  spans(signal?: AbortSignal): AsyncGenerator<readonly Span[], void, undefined>
  /** True once nothing is in flight to what has left the list under this id, false if something still is when `deadlineMs` has passed. */
  drained(service: string, id: string, deadlineMs: number): Promise<boolean>
  state(): Promise<GatewayState>
  /** What it serves now. */
  config(): Promise<GatewayConfig>
}

/** Longer than a busy event loop of the gateway; one that takes longer is not well. */
const ANSWER_TIMEOUT_MS = 5_000
/** For the cut of what has not ended by a deadline. */
const CUT_TIMEOUT_MS = 1_000

/** A client of the gateway process that listens on an admin socket. Holds nothing open between calls. */
export function createGatewayClient(socketPath: string): GatewayClient {
  const options = { timeoutMs: ANSWER_TIMEOUT_MS }
  return {
    configure: (config) => jsonSocketRequest(socketPath, 'PUT', '/v1/config', config, options),
    async certify(certificates) {
      const pairs = certificates.map(({ certificate, key }) => ({ certificate, key }))
      await jsonSocketRequest(socketPath, 'PUT', '/v1/certificates', { certificates: pairs }, options)
    },
    async closeEntrances(deadlineMs) {
      const timeoutMs = deadlineMs + CUT_TIMEOUT_MS
      await jsonSocketRequest(socketPath, 'POST', '/v1/close-entrances', { deadlineMs }, { timeoutMs })
    },
    frames: (signal) => jsonSocketStream<MetricFrame>(socketPath, '/v1/frames', { ...options, signal }),
    spans: (signal) => jsonSocketStream<readonly Span[]>(socketPath, '/v1/spans', { ...options, signal }),
    async drained(service, id, deadlineMs) {
      const timeoutMs = deadlineMs + ANSWER_TIMEOUT_MS
      const body = { service, id, deadlineMs }
      const answer = await jsonSocketRequest<{ isDrained: boolean }>(socketPath, 'POST', '/v1/drained', body, {
        timeoutMs,
      })
      return answer.isDrained
    },
    config: () => jsonSocketRequest<GatewayConfig>(socketPath, 'GET', '/v1/config', undefined, options),
    state: () => jsonSocketRequest<GatewayState>(socketPath, 'GET', '/v1/state', undefined, options),
  }
}
