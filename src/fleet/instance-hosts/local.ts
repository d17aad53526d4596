import { stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { ResolvedService } from '../../blueprint/resolved-blueprint.ts'
import type { ChildUser } from '../../core/child-user.ts'
import { writeFileDurably } from '../../core/durable-file.ts'
import { TenfoldError } from '../../core/errors.ts'
import { findFreePort, isPortFree } from '../../core/free-port.ts'
import { ensureOwnedDirectory } from '../../core/owned-directory.ts'
import { formatSize } from '../../core/size.ts'
import type { ExitStatus, Subprocess, Subprocesses } from '../../core/subprocess.ts'
import type { BindingsDocument } from '../../service/bindings-document.ts'
import { instanceEnvironment } from '../instance-environment.ts'
import type { InstanceExit, InstanceHost, InstanceRequest, RunningInstance } from '../instance-host.ts'
import { lastLines } from '../last-lines.ts'
import { probe } from '../readiness-probe.ts'
import { pathInRelease } from '../release.ts'

/** A host that runs instances as processes of this machine. */
export interface LocalInstanceHost extends InstanceHost {
  /** Rewrites a service's bindings document; its instances see the change by themselves. */
  rebind(service: string): Promise<void>
  /**
   * What another program needs to run as an instance does: it reaches what the service reaches, and serves nothing.
   *
   * @throws TF_SECRET_MISSING
   */
  surroundingsOf(request: InstanceRequest): Promise<JobSurroundings>
}

/** Where a program of a service runs that is not one of its instances. */
export interface JobSurroundings {
  /** The whole environment, secrets included: for the program and nobody else. */
  readonly env: Readonly<Record<string, string>>
  /** The blueprint's directory in the release. */
  readonly cwd: string
}

export interface LocalInstanceHostOptions {
  readonly subprocesses: Subprocesses
  /** The account that instances run as; undefined: our own. */
  readonly user: ChildUser | undefined
  /** Node executable that the account can run: `ReleaseStore.readableNode`. */
  readonly node: string
  /** Tenfold's package where the account can read it: `materialisePackage(tenfoldPackageRoot(), …)`. */
  readonly tenfoldRoot: string
  /** Where output goes: `<logsDirectory>/<service>/<instance>.log`. */
  readonly logsDirectory: string
  /** Where bindings documents go; the account must be able to enter it. */
  readonly bindingsDirectory: string
  /** The blueprint's directory: commands run there, in the release. */
  readonly blueprintDirectory: string
  /** What a service may reach, asked anew for every start. */
  readonly bindings: (service: string) => BindingsDocument
  /** Where instances send their measurements; `instance-telemetry.ts` has it. */
  readonly telemetry?: { readonly socket: string; tokenFor(service: string, instance: string): string }
  /** One instance at a time of this service, an `entry`, listens for a debugger; `onPort` is told where. */
  readonly inspect?: { readonly service: string; onPort(instance: string, port: number): void } | undefined
  /** Where instances may keep compiled code, see `compile-cache.ts`. @default nowhere */
  readonly compileCache?: string | undefined
  /** Where secrets are read from. @default process.env */
  readonly surroundings?: Readonly<Record<string, string | undefined>>
}

const LOOPBACK = '127.0.0.1'
const LAST_LINES = 20
const INSPECT_PORT = 9229
/** The line that says why may be far above the end: a trace of calls comes after it. */
const LINES_READ = 100
/** What Node prints below every uncaught error. */
const NODE_VERSION = /^Node\.js v\d/
const PORT_TAKEN = /EADDRINUSE|address already in use/i

/**
 * Runs instances as processes of this machine: an `entry` with our Node, a `command` by the shell, both from the
 * release, on a free port of the loopback address.
 */
export async function createLocalInstanceHost(options: LocalInstanceHostOptions): Promise<LocalInstanceHost> {
  const isCheckout = await exists(join(options.tenfoldRoot, 'tsconfig.json'))
  const preload = isCheckout ? 'src/service/preload.ts' : 'dist/service/preload.js'
  return new LocalHost(options, { isCheckout, preload: join(options.tenfoldRoot, preload) })
}

/** The file that takes the output of an instance. */
export function outputFileOf(logsDirectory: string, service: string, instance: string): string {
  return join(logsDirectory, service, `${instance}.log`)
}

class LocalHost implements LocalInstanceHost {
  readonly #options: LocalInstanceHostOptions
  readonly #code: { readonly isCheckout: boolean; readonly preload: string }
  readonly #ports = new Set<number>()
  /** The releases of which an instance listens for a debugger. */
  readonly #inspected = new Set<string>()

  constructor(options: LocalInstanceHostOptions, code: { isCheckout: boolean; preload: string }) {
    this.#options = options
    this.#code = code
  }

  async start(request: InstanceRequest): Promise<RunningInstance> {
    const { service, id } = request
    const port = await this.#portFor(service)
    this.#ports.add(port)
    let inspected: string | undefined
    try {
      const env = await this.#environment(request, port)
      inspected = await this.#inspect(request, env)
      const outputFile = outputFileOf(this.#options.logsDirectory, service.name, id)
      await ensureOwnedDirectory(dirname(outputFile))
      const outputStart = (await stat(outputFile).catch(() => undefined))?.size ?? 0
      const child = await this.#options.subprocesses.spawn({
        name: id,
        ...this.#program(request),
        env,
        user: this.#options.user,
        limits: service.resources,
        outputFile,
      })
      child.limitCpu(false)
      void child.exited.then(() => this.#forget(port, inspected))
      return new LocalInstance(child, { ...request, port, outputFile, outputStart })
    } catch (error) {
      this.#forget(port, inspected)
      throw error
    }
  }

  async surroundingsOf(request: InstanceRequest): Promise<JobSurroundings> {
    const { PORT: _port, HOST: _host, TENFOLD_LISTENS_ON: _own, ...env } = await this.#environment(request, 0)
    return { env, cwd: pathInRelease(request.release, this.#options.blueprintDirectory) }
  }

  async rebind(service: string): Promise<void> {
    await this.#writeBindings(this.#options.bindings(service))
  }

  #forget(port: number, inspected: string | undefined): void {
    this.#ports.delete(port)
    if (inspected !== undefined) this.#inspected.delete(inspected)
  }

  /** Lets it listen for a debugger if no other of its release does; gives what says so. */
  async #inspect({ id, service, release }: InstanceRequest, env: Record<string, string>): Promise<string | undefined> {
    const { inspect } = this.#options
    if (inspect?.service !== service.name || this.#inspected.has(release.id)) return undefined
    this.#inspected.add(release.id)
    // Where debuggers look first; its predecessor may still be there.
    const port = (await isPortFree(INSPECT_PORT)) ? INSPECT_PORT : await findFreePort()
    env['NODE_OPTIONS'] = `${env['NODE_OPTIONS'] ?? ''} --inspect=${LOOPBACK}:${port}`
    inspect.onPort(id, port)
    return release.id
  }

  /** A free one, or the one that the program insists on. */
  async #portFor({ name, listensOn }: ResolvedService): Promise<number> {
    if (listensOn?.isMoved !== false)
      return findFreePort((candidate) => this.#ports.has(candidate) || candidate === listensOn?.port)
    const { port } = listensOn
    if (!this.#ports.has(port) && (await isPortFree(port))) return port
    throw new TenfoldError(
      'TF_PORT_TAKEN',
      `expected port ${port}, on which ${name} listens, to be free, it is in use`,
      {
        hint: `stop what listens there, or let the program listen on $PORT and remove "port" from the blueprint`,
        details: { service: name, port },
      },
    )
  }

  async #environment({ service, id }: InstanceRequest, port: number): Promise<Record<string, string>> {
    const { node, telemetry, compileCache, surroundings = process.env } = this.#options
    const document = this.#options.bindings(service.name)
    const env = instanceEnvironment({
      service,
      id,
      host: LOOPBACK,
      port,
      urls: Object.fromEntries(Object.entries(document.services).map(([name, { url }]) => [name, url])),
      bindingsFile: this.#bindingsFile(service.name),
      node,
      ...this.#code,
      telemetry:
        telemetry === undefined ? undefined : { socket: telemetry.socket, token: telemetry.tokenFor(service.name, id) },
      home: tmpdir(),
      compileCache,
      surroundings,
    })
    await this.#writeBindings(document)
    return env
  }

  async #writeBindings(document: BindingsDocument): Promise<void> {
    const file = this.#bindingsFile(document.service)
    // One that is there has its permissions for a reason.
    if (!(await exists(dirname(file)))) await ensureOwnedDirectory(dirname(file), { mode: 0o711 })
    const text = `${JSON.stringify(document, undefined, 2)}\n`
    await writeFileDurably(file, text, { mode: 0o600, isSynced: false, owner: this.#options.user })
  }

  #bindingsFile(service: string): string {
    return join(this.#options.bindingsDirectory, `${service}.json`)
  }

  #program({ service, release }: InstanceRequest): { command: string; args: string[]; cwd: string } {
    const cwd = pathInRelease(release, this.#options.blueprintDirectory)
    const { program } = service
    return program.kind === 'entry'
      ? { command: this.#options.node, args: [pathInRelease(release, program.entry)], cwd }
      : { command: '/bin/sh', args: ['-c', program.command], cwd }
  }
}

interface LocalInstanceFacts extends InstanceRequest {
  readonly port: number
  readonly outputFile: string
  /** Where in the file the output of this process begins. */
  readonly outputStart: number
}

class LocalInstance implements RunningInstance {
  readonly id: string
  readonly pid: number
  readonly host = LOOPBACK
  readonly port: number
  readonly limitsNotEnforced: string | undefined
  readonly exited: Promise<InstanceExit>
  readonly #child: Subprocess
  readonly #health: string | undefined

  constructor(child: Subprocess, facts: LocalInstanceFacts) {
    this.id = facts.id
    this.pid = child.identity.pid
    this.port = facts.port
    this.#child = child
    this.#health = facts.service.health
    const { cpu, memoryBytes } = facts.service.resources
    const isLimited = cpu !== undefined || memoryBytes !== undefined
    this.limitsNotEnforced =
      isLimited && !child.limits.enforced ? (child.limits.reason ?? 'limits are not enforced') : undefined
    this.exited = child.exited.then(async (status) => {
      const lines = await lastLines(facts.outputFile, LINES_READ, facts.outputStart).catch(() => [])
      return {
        reason: describeExit(status, lines, memoryBytes),
        lastLines: lines.slice(-LAST_LINES),
        isPortTaken: lines.some((line) => PORT_TAKEN.test(line)),
      }
    })
  }

  async probe(timeoutMs: number): ReturnType<RunningInstance['probe']> {
    const result = await probe({ host: this.host, port: this.port, health: this.#health }, timeoutMs)
    // Until it is ready it may use the whole machine: a start is not what the limit is for.
    if (result.isReady) this.#child.limitCpu(true)
    return result
  }

  async stop(deadlineMs: number): Promise<void> {
    await this.#child.stop(deadlineMs)
  }
}

/**
 * How a process ended, with the line of its output that says most.
 *
 * @example describeExit({ code: 1, signal: undefined }, ['Error: no menu']) // 'exited with code 1: Error: no menu'
 */
export function describeExit(
  { code, signal, isOverMemory }: ExitStatus,
  lines: readonly string[],
  memoryBytes?: number,
): string {
  if (isOverMemory === true && memoryBytes !== undefined) {
    return `was killed: over its memory limit ${formatSize(memoryBytes)}`
  }
  const how =
    signal !== undefined ? `was ended by ${signal}` : code !== undefined ? `exited with code ${code}` : 'ended'
  const isTelling = (line: string): boolean => /^\s*(?:[A-Za-z]*(?:Error|Exception)\b|fatal\b|error\b)/i.test(line)
  const telling = lines.findLast(isTelling)
  // Who was killed from outside has not said why.
  const line =
    signal === undefined
      ? (telling ?? lines.findLast((text) => text.trim() !== '' && !NODE_VERSION.test(text)))
      : telling
  return line === undefined ? how : `${how}: ${line.trim().slice(0, 300)}`
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined
}
