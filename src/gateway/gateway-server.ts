import type { Clock } from '../core/clock.ts'
import type { Component } from '../core/component.ts'
import { openFilesMax as systemOpenFilesMax } from '../core/open-files.ts'
import { freshSeed, seededRandom } from '../core/random.ts'
import type { JsonSocket } from '../control/json-socket.ts'
import { createJsonSocket, jsonRoute, jsonStream } from '../control/json-socket.ts'
import type { Doors } from './doors/doors.ts'
import { createDoors } from './doors/doors.ts'
import { createFrameFeed } from './measurements/frame-feed.ts'
import type { GatewayOptions } from './gateway-options.ts'
import type { GatewayState } from './gateway-state.ts'
import { gatewayState } from './gateway-state.ts'
import type { Listener } from './listener.ts'
import { openListener } from './listener.ts'
import { parseDeadline, parseDrainRequest, parseGatewayConfig } from './parse-gateway-config.ts'
import { portForbidden, portTaken } from './port-errors.ts'
import type { Entrance, Proxy } from './proxy.ts'
import { createProxy } from './proxy.ts'
import type { Certificates } from './tls/certificates.ts'
import { createCertificates, parseCertificates } from './tls/certificates.ts'

/** Ports tried after the one asked for, where it need not be that one. */
const PORTS_TRIED = 100
/** Open client connections where there are descriptors for more. */
const CLIENT_CONNECTIONS_MAX = 10_000
const DOOR_CONNECTIONS_MAX = 128
/** What the process needs for itself: Node, the log, listeners, the admin socket. */
const OWN_FILES = 64
const REFUSED_PAUSE_MS = 60_000

/** The whole gateway in this process: both listeners and the admin socket. */
export interface GatewayServer extends Component {
  state(): GatewayState
}

/** @see createGatewayServer */
export interface GatewayServerOptions extends GatewayOptions {
  readonly clock: Clock
  /** Files that this process may have open. @default asks the system */
  readonly openFilesMax?: number | undefined
  /** Gets what a person should know, for the log. */
  readonly onProblem?: (message: string) => void
  /** Gets what somebody who reads the log wants to know. */
  readonly log?: (message: string) => void
}

/**
 * A gateway. `start` throws TF_PORT_TAKEN when a port that was given is in use, TF_PORT_FORBIDDEN when we may not
 * listen there.
 */
export function createGatewayServer(options: GatewayServerOptions): GatewayServer {
  return new HttpGatewayServer(options)
}

interface Run {
  readonly proxy: Proxy
  readonly certificates: Certificates | undefined
  readonly listeners: Listener[]
  readonly doors: Doors
  readonly endFrames: () => void
  admin: JsonSocket | undefined
  closing: Promise<void> | undefined
}

class HttpGatewayServer implements GatewayServer {
  readonly #options: GatewayServerOptions
  #run: Run | undefined
  #stopping: Promise<void> | undefined
  #refusals = 0
  #refusedSaidMs = Number.NEGATIVE_INFINITY

  constructor(options: GatewayServerOptions) {
    this.#options = options
  }

  async start(signal?: AbortSignal): Promise<void> {
    const { clock, host, port, isPortGiven, internalPort, headers, isSecure, adminSocketPath, log, onProblem } =
      this.#options
    const { openFilesMax = systemOpenFilesMax() } = this.#options
    const random = seededRandom(freshSeed())
    const proxy = createProxy({ clock, random, headersMax: headers.countMax, isSecure, log })
    const certificates = isSecure ? createCertificates() : undefined
    const feed = createFrameFeed(clock, proxy, () => certificates?.endsEpochMs)
    const run: Run = {
      proxy,
      certificates,
      listeners: [],
      doors: createDoors({ clock, connectionsMax: doorConnectionsMax(openFilesMax), log: (text) => onProblem?.(text) }),
      closing: undefined,
      endFrames: () => [feed, proxy.spans].forEach((each) => each.end()),
      admin: undefined,
    }
    this.#run = run
    this.#stopping = undefined
    try {
      run.listeners.push(await this.#open(run, 'public', host, port, isPortGiven || port === 0 ? 1 : PORTS_TRIED))
      run.listeners.push(await this.#open(run, 'internal', '127.0.0.1', internalPort, 1))
      run.admin = createJsonSocket({
        path: adminSocketPath,
        clock,
        routes: {
          'GET /v1/state': jsonRoute({ handle: () => this.state() }),
          'GET /v1/frames': jsonRoute({ handle: () => jsonStream(feed.frames()) }),
          'GET /v1/spans': jsonRoute({ handle: () => jsonStream(proxy.spans.batches()) }),
          'GET /v1/config': jsonRoute({ handle: () => proxy.config }),
          'PUT /v1/config': jsonRoute({
            handle: async ({ input }) => {
              const isApplied = proxy.apply(parseGatewayConfig(input))
              const shut = isApplied ? await run.doors.configure(proxy.config.doors ?? {}) : {}
              return { isApplied, version: proxy.config.version, shut }
            },
          }),
          'PUT /v1/certificates': jsonRoute({
            handle: ({ input }) => {
              certificates?.use(parseCertificates(input))
              for (const text of certificates?.describe() ?? []) log?.(`shows the certificate of ${text}`)
              return { endsEpochMs: certificates?.endsEpochMs }
            },
          }),
          'POST /v1/close-entrances': jsonRoute({
            handle: async ({ input }) => {
              await this.#closeEntrances(run, parseDeadline(input))
              return {}
            },
          }),
          'POST /v1/drained': jsonRoute({
            handle: async ({ input }) => {
              const { service, id, deadlineMs } = parseDrainRequest(input)
              return { isDrained: await proxy.drained(service, id, deadlineMs) }
            },
          }),
        },
      })
      await run.admin.start(signal)
    } catch (error) {
      await this.stop(0)
      throw error
    }
  }

  async stop(deadlineMs: number = this.#options.stopDeadlineMs): Promise<void> {
    this.#stopping ??= this.#stop(deadlineMs)
    await this.#stopping
  }

  async #stop(deadlineMs: number): Promise<void> {
    const run = this.#run
    if (run === undefined) return
    await this.#closeEntrances(run, deadlineMs)
    // Last: whoever finishes a request may need a database for it.
    await run.doors.close()
    run.endFrames()
    await run.admin?.stop(0)
    await run.proxy.destroy()
    this.#run = undefined
  }

  #closeEntrances(run: Run, deadlineMs: number): Promise<void> {
    run.closing ??= this.#finish(run, deadlineMs)
    return run.closing
  }

  async #finish({ proxy, listeners }: Run, deadlineMs: number): Promise<void> {
    proxy.announceStop()
    const { clock } = this.#options
    const endMs = clock.nowMs() + deadlineMs
    // First the public side: services may still call each other to finish what they have.
    for (const listener of listeners) await listener.close(Math.max(0, endMs - clock.nowMs()))
  }

  state(): GatewayState {
    const run = this.#run
    return gatewayState(run?.proxy, {
      host: this.#options.host,
      ports: run?.listeners.map(({ port }) => port) ?? [],
      nowMs: this.#options.clock.nowMs(),
      certificates: run?.certificates,
      isLeaving: run?.closing !== undefined,
      doors: run?.doors.state() ?? {},
    })
  }

  /** Once a minute at most: a flood of connections must not become one of lines. */
  #refused(entrance: Entrance, connectionsMax: number): void {
    this.#refusals++
    const nowMs = this.#options.clock.nowMs()
    if (nowMs - this.#refusedSaidMs < REFUSED_PAUSE_MS) return
    this.#refusedSaidMs = nowMs
    const which = entrance === 'public' ? 'clients' : 'services'
    const message = `${connectionsMax} connections of ${which} are open, which is the most; so far ${this.#refusals} were closed`
    this.#options.onProblem?.(`${message}; "ulimit -n" says how many files a process may open`)
  }

  async #open(run: Run, entrance: Entrance, host: string, port: number, tries: number): Promise<Listener> {
    const { clock, headers, openFilesMax = systemOpenFilesMax() } = this.#options
    const { certificates } = entrance === 'public' ? run : {}
    const shared = { clock, handlers: run.proxy.entrance(entrance), headBytesMax: headers.bytesMax, certificates }
    const connectionsMax = clientConnectionsMax(entrance, openFilesMax)
    const onRefused = (): void => this.#refused(entrance, connectionsMax)
    for (let tried = 1; ; tried++) {
      try {
        const at = { host, port: port === 0 ? 0 : port + tried - 1 }
        return await openListener({ ...at, ...shared, connectionsMax, onRefused })
      } catch (error) {
        const isTaken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE'
        if (!isTaken || tried >= tries || port + tried > 65_535) throw listenFailed(error, host, port)
      }
    }
  }
}

/**
 * Client connections that an entrance takes. Each may need one to an instance as well, so that clients never have all
 * the descriptors: with none left, nobody would be answered any more.
 */
export function clientConnectionsMax(entrance: Entrance, openFilesMax: number | undefined): number {
  const share = (openFilesMax ?? Number.POSITIVE_INFINITY) - OWN_FILES
  return Math.min(CLIENT_CONNECTIONS_MAX, Math.max(16, Math.floor(share * (entrance === 'public' ? 0.5 : 0.2))))
}

/** Clients of one door: more than a server takes, so that it is the server who says no, in its own words. */
function doorConnectionsMax(openFilesMax = Number.POSITIVE_INFINITY): number {
  return Math.min(DOOR_CONNECTIONS_MAX, Math.max(16, Math.floor((openFilesMax - OWN_FILES) * 0.05)))
}

function listenFailed(error: unknown, host: string, port: number): unknown {
  const code = (error as NodeJS.ErrnoException).code
  if (code === 'EADDRINUSE') return portTaken(host, port, error)
  if (code === 'EACCES' || code === 'EADDRNOTAVAIL') return portForbidden(host, port, error)
  return error
}
