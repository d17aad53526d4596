import { chmod, chown, rm } from 'node:fs/promises'
import type { Server, Socket } from 'node:net'
import { createServer } from 'node:net'
import { checkFrame } from '../control/check-frame.ts'
import type { MetricFrame } from '../control/metric-frame.ts'
import type { Span } from '../control/span.ts'
import { asSpan } from '../control/span.ts'
import type { ChildUser } from '../core/child-user.ts'
import type { Component } from '../core/component.ts'
import { TenfoldError } from '../core/errors.ts'
import { deserialiseHistogram } from '../core/histogram.ts'
import { secretToken } from '../core/random.ts'

/** Takes the measurements that instances send. */
export interface InstanceTelemetry extends Component {
  /** Path of the socket, for the instances' environment. */
  readonly socket: string
  /** What an instance says to prove which one it is; the same for every process in its place. */
  tokenFor(service: string, instance: string): string
  /** An instance of an earlier run goes on with the token that it has. */
  acceptToken(service: string, instance: string, token: string): void
}

/** Where to listen, and who gets the frames. */
export interface InstanceTelemetryOptions {
  /** Path of the socket, at most 107 bytes, in a directory that the children's account can enter. */
  readonly socket: string
  /** The account that instances run as; undefined: our own. */
  readonly user: ChildUser | undefined
  /** Gets each frame that is valid and from the instance that it names. */
  readonly onFrame: (frame: MetricFrame) => void
  /** Gets the spans of an instance, which are its own. @default they are left out */
  readonly onSpans?: (spans: readonly Span[]) => void
}

const CONNECTIONS_MAX = 2_000
const LINE_CHARACTERS_MAX = 256 * 1024
const SAMPLES_MAX = 500
/** In one line. */
const SPANS_MAX = 500

/**
 * Listens for the frames of instances. Instances are not trusted: a connection that says something wrong is closed,
 * and nobody can report for another.
 */
export function createInstanceTelemetry(options: InstanceTelemetryOptions): InstanceTelemetry {
  return new TelemetryServer(options)
}

class TelemetryServer implements InstanceTelemetry {
  readonly socket: string
  readonly #options: InstanceTelemetryOptions
  readonly #tokens = new Map<string, string>()
  readonly #instances = new Map<string, { readonly service: string; readonly instance: string }>()
  readonly #reporting = new Map<string, Socket>()
  readonly #sockets = new Set<Socket>()
  #server: Server | undefined
  #opening: Promise<void> = Promise.resolve()
  #stops = 0

  constructor(options: InstanceTelemetryOptions) {
    this.#options = options
    this.socket = options.socket
  }

  tokenFor(service: string, instance: string): string {
    const token = this.#tokens.get(`${service}/${instance}`) ?? secretToken()
    this.acceptToken(service, instance, token)
    return token
  }

  acceptToken(service: string, instance: string, token: string): void {
    this.#tokens.set(`${service}/${instance}`, token)
    this.#instances.set(token, { service, instance })
  }

  async start(signal?: AbortSignal): Promise<void> {
    const stops = this.#stops
    this.#opening = this.#opening.then(() => this.#open())
    await this.#opening
    if (signal?.aborted !== true && stops === this.#stops) return
    await this.stop()
    throw new TenfoldError('TF_ABORTED', 'expected the telemetry socket to open, but it was stopped')
  }

  async stop(): Promise<void> {
    this.#stops++
    await this.#opening.catch(() => undefined)
    const server = this.#server
    this.#server = undefined
    for (const socket of this.#sockets) socket.destroy()
    if (server !== undefined) await new Promise((resolve) => void server.close(resolve))
  }

  async #open(): Promise<void> {
    if (this.#server !== undefined) return
    const { user } = this.#options
    // Whoever listened here before us is gone: the state directory has one owner at a time.
    await rm(this.socket, { force: true })
    const server = createServer((socket) => this.#accept(socket))
    server.maxConnections = CONNECTIONS_MAX
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(this.socket, resolve)
    })
    this.#server = server
    if (user !== undefined) await chown(this.socket, user.uid, user.gid)
    await chmod(this.socket, 0o600)
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket)
    let identity: { service: string; instance: string } | undefined
    let text = ''
    socket.setEncoding('utf8')
    socket.on('data', (piece: string) => {
      text += piece
      const lines = text.split('\n')
      text = lines.pop() ?? ''
      for (const line of lines) {
        if (identity === undefined) identity = this.#identify(line, socket)
        else this.#take(line, identity, socket)
        if (socket.destroyed) return
      }
      if (text.length > LINE_CHARACTERS_MAX) socket.destroy()
    })
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      this.#sockets.delete(socket)
      if (identity !== undefined && this.#reporting.get(identity.instance) === socket) {
        this.#reporting.delete(identity.instance)
      }
    })
  }

  /** The first line names the instance; one process reports for it, the first that comes. */
  #identify(line: string, socket: Socket): { service: string; instance: string } | undefined {
    const token = parse(line)?.['token']
    const identity = typeof token === 'string' ? this.#instances.get(token) : undefined
    if (identity === undefined || this.#reporting.has(identity.instance)) {
      socket.destroy()
      return undefined
    }
    this.#reporting.set(identity.instance, socket)
    return identity
  }

  #take(line: string, identity: { service: string; instance: string }, socket: Socket): void {
    const value = parse(line)
    if (value !== undefined && Array.isArray(value['spans'])) {
      const spans = value['spans'].slice(0, SPANS_MAX).map(asSpan)
      this.#options.onSpans?.(spans.flatMap((span) => (span === undefined ? [] : [{ ...span, ...identity }])))
      return
    }
    const frame = frameOf(value, identity)
    if (frame === undefined) socket.destroy()
    else this.#options.onFrame(frame)
  }
}

/** The frame, if it is one, and speaks for nobody but the instance. */
function frameOf(
  value: Readonly<Record<string, unknown>> | undefined,
  { service, instance }: { service: string; instance: string },
): MetricFrame | undefined {
  if (value === undefined) return undefined
  const { atEpochMs, source, samples } = value as Partial<MetricFrame>
  if (typeof atEpochMs !== 'number' || !Number.isFinite(atEpochMs) || source !== `instance/${instance}`)
    return undefined
  if (!Array.isArray(samples) || samples.length > SAMPLES_MAX) return undefined
  const frame: MetricFrame = { atEpochMs, source, samples }
  try {
    checkFrame(frame)
    // Throws for what no histogram ever serialised to.
    for (const sample of frame.samples) if ('histogram' in sample) deserialiseHistogram(sample.histogram)
  } catch {
    return undefined
  }
  const isOwn = frame.samples.every(({ labels }) => labels?.['service'] === service && labels['instance'] === instance)
  return isOwn ? frame : undefined
}

function parse(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
