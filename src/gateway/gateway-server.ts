import type { Clock } from '../core/clock.ts'
import type { Component } from '../core/component.ts'
import { freshSeed, seededRandom } from '../core/random.ts'
import type { JsonSocket } from '../control/json-socket.ts'
import { createJsonSocket, jsonRoute, jsonStream } from '../control/json-socket.ts'
import { createFrameFeed } from './frame-feed.ts'
import type { GatewayOptions } from './gateway-options.ts'
import type { GatewayState } from './gateway-state.ts'
import { gatewayState } from './gateway-state.ts'
import type { Listener } from './listener.ts'
import { openListener } from './listener.ts'
import { parseDrainRequest, parseGatewayConfig } from './parse-gateway-config.ts'
import { portForbidden, portTaken } from './port-errors.ts'
import type { Entrance, Proxy } from './proxy.ts'
import { createProxy } from './proxy.ts'

/** Ports tried after the one asked for, where it need not be that one. */
const PORTS_TRIED = 100

/** The whole gateway in this process: both listeners and the admin socket. */
export interface GatewayServer extends Component {
  state(): GatewayState
}

/**
 * A gateway. `start` throws TF_PORT_TAKEN when a port that was given is in use, TF_PORT_FORBIDDEN when we may not
 * listen there.
 */
export function createGatewayServer(options: GatewayOptions & { clock: Clock }): GatewayServer {
  return new HttpGatewayServer(options)
}

interface Run {
  readonly proxy: Proxy
  readonly listeners: Listener[]
  readonly endFrames: () => void
  admin: JsonSocket | undefined
}

class HttpGatewayServer implements GatewayServer {
  readonly #options: GatewayOptions & { clock: Clock }
  #run: Run | undefined
  #stopping: Promise<void> | undefined

  constructor(options: GatewayOptions & { clock: Clock }) {
    this.#options = options
  }

  async start(signal?: AbortSignal): Promise<void> {
    const { clock, host, port, isPortGiven, internalPort, adminSocketPath } = this.#options
    const proxy = createProxy({ clock, random: seededRandom(freshSeed()) })
    const feed = createFrameFeed(clock, proxy)
    const run: Run = {
      proxy,
      listeners: [],
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
            handle: ({ input }) => {
              const isApplied = proxy.apply(parseGatewayConfig(input))
              return { isApplied, version: proxy.config.version }
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
    run.proxy.announceStop()
    const { clock } = this.#options
    const endMs = clock.nowMs() + deadlineMs
    // First the public side: services may still call each other to finish what they have.
    for (const listener of run.listeners) await listener.close(Math.max(0, endMs - clock.nowMs()))
    run.endFrames()
    await run.admin?.stop(0)
    await run.proxy.destroy()
    this.#run = undefined
  }

  state(): GatewayState {
    const run = this.#run
    return gatewayState(run?.proxy, {
      host: this.#options.host,
      ports: run?.listeners.map(({ port }) => port) ?? [],
      nowMs: this.#options.clock.nowMs(),
    })
  }

  async #open(run: Run, entrance: Entrance, host: string, port: number, tries: number): Promise<Listener> {
    const { clock } = this.#options
    const handlers = run.proxy.entrance(entrance)
    for (let tried = 1; ; tried++) {
      try {
        return await openListener({ host, port: port === 0 ? 0 : port + tried - 1, clock, handlers })
      } catch (error) {
        const isTaken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE'
        if (!isTaken || tried >= tries || port + tried > 65_535) throw listenFailed(error, host, port)
      }
    }
  }
}

function listenFailed(error: unknown, host: string, port: number): unknown {
  const code = (error as NodeJS.ErrnoException).code
  if (code === 'EADDRINUSE') return portTaken(host, port, error)
  if (code === 'EACCES' || code === 'EADDRNOTAVAIL') return portForbidden(host, port, error)
  return error
}
