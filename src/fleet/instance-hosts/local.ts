import { strict as assert } from 'node:assert'
import { stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { ResolvedService } from '../../blueprint/resolved-blueprint.ts'
import type { ChildUser } from '../../core/child-user.ts'
import { writeFileDurably } from '../../core/durable-file.ts'
import { TenfoldError } from '../../core/errors.ts'
import { findFreePort, isPortFree } from '../../core/free-port.ts'
import { ensureOwnedDirectory } from '../../core/owned-directory.ts'
import type { Subprocess, Subprocesses, SubprocessOptions } from '../../core/subprocess.ts'
import type { BindingsDocument } from '../../service/bindings-document.ts'
import { instanceEnvironment, OF_THE_TERMINAL } from '../instance-environment.ts'
import type { InstanceHost, InstanceRequest, RunningInstance } from '../instance-host.ts'
import type { RunningJob } from '../job-scheduler.ts'
import type { InstanceTelemetry } from '../instance-telemetry.ts'
import { pathInRelease } from '../release.ts'
import type { Secrets } from '../secrets.ts'
import type { LocalInstanceFacts } from './local-instance.ts'
import { LocalInstance, LOOPBACK, runningJob } from './local-instance.ts'

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
  /**
   * Runs the program of a service once, as an instance that serves nothing. A later run ends it.
   *
   * @throws TF_SECRET_MISSING, TF_SPAWN_FAILED
   */
  startJob(request: InstanceRequest): Promise<RunningJob>
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
  /** The blueprint's file, for schemas of events. @default none */
  readonly blueprintFile?: string
  /** What a service may reach, asked anew for every start. */
  readonly bindings: (service: string) => BindingsDocument
  /** Where instances send their measurements; `instance-telemetry.ts` has it. */
  readonly telemetry?: Pick<InstanceTelemetry, 'socket' | 'tokenFor' | 'acceptToken'>
  /** One instance at a time of this service, an `entry`, listens for a debugger; `onPort` is told where. */
  readonly inspect?: { readonly service: string; onPort(instance: string, port: number): void } | undefined
  /** Where instances may keep compiled code, see `compile-cache.ts`. @default nowhere */
  readonly compileCache?: string | undefined
  /** Where secrets are read from, and hidden. @default the surroundings */
  readonly secrets?: Secrets
  /** @default process.env */
  readonly surroundings?: Readonly<Record<string, string | undefined>>
}

const INSPECT_PORT = 9229

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
    return (await this.#adopt(request)) ?? this.#launch(request)
  }

  /** Goes on with what an earlier run has started in this place, if it is what would be started now. */
  async #adopt(request: InstanceRequest): Promise<RunningInstance | undefined> {
    const { service, id } = request
    const { subprocesses, telemetry, inspect } = this.#options
    const notes = subprocesses.leftover(id)
    if (notes === undefined) return undefined
    const { port, token } = notes as Notes
    const env = await this.#environment(request, port, token)
    const options = this.#subprocess(request, env, { port, token })
    const child = inspect?.service === service.name ? undefined : await subprocesses.adopt(options)
    if (child === undefined) {
      // Any other goes on serving until its successor does; but this one has the only port.
      if (service.listensOn?.isMoved === false) await subprocesses.endLeftovers(id)
      return undefined
    }
    telemetry?.acceptToken(service.name, id, token)
    const { outputFile } = options
    return this.#instance(
      { ...request, port, outputFile, outputStart: await sizeOf(outputFile), hide: this.#hide },
      child,
      undefined,
    )
  }

  async #launch(request: InstanceRequest): Promise<RunningInstance> {
    const { service, id } = request
    const port = await this.#portFor(service)
    this.#ports.add(port)
    let inspected: string | undefined
    try {
      const token = this.#options.telemetry?.tokenFor(service.name, id) ?? ''
      const env = await this.#environment(request, port, token)
      inspected = await this.#inspect(request, env)
      const options = this.#subprocess(request, env, { port, token })
      await ensureOwnedDirectory(dirname(options.outputFile))
      const outputStart = await sizeOf(options.outputFile)
      const child = await this.#options.subprocesses.spawn(options)
      child.limitCpu(false)
      return this.#instance(
        { ...request, port, outputFile: options.outputFile, outputStart, hide: this.#hide },
        child,
        inspected,
      )
    } catch (error) {
      this.#forget(port, inspected)
      throw error
    }
  }

  readonly #hide = (text: string): string => this.#options.secrets?.hide(text) ?? text

  #instance(facts: LocalInstanceFacts, child: Subprocess, inspected: string | undefined): RunningInstance {
    this.#ports.add(facts.port)
    void child.exited.then(() => this.#forget(facts.port, inspected))
    return new LocalInstance(child, facts)
  }

  #subprocess(request: InstanceRequest, env: Readonly<Record<string, string>>, notes: Notes): SubprocessOptions {
    const { user, logsDirectory } = this.#options
    const { service, id } = request
    const program = this.#program(request)
    const own = Object.entries(env).filter(([name]) => !OF_THE_TERMINAL.has(name))
    return {
      name: id,
      ...program,
      env,
      user,
      limits: service.resources,
      outputFile: outputFileOf(logsDirectory, service.name, id),
      handover: {
        sameness: JSON.stringify([program, own, service.env, user, service.resources]),
        notes: { ...notes, release: request.release.id },
      },
    }
  }

  async surroundingsOf(request: InstanceRequest): Promise<JobSurroundings> {
    const {
      PORT: _port,
      HOST: _host,
      TENFOLD_LISTENS_ON: _own,
      ...env
    } = await this.#environment(request, 0, this.#options.telemetry?.tokenFor(request.service.name, request.id) ?? '')
    return { env, cwd: pathInRelease(request.release, this.#options.blueprintDirectory) }
  }

  async startJob(request: InstanceRequest): Promise<RunningJob> {
    const { env } = await this.surroundingsOf(request)
    const { handover: _none, ...options } = this.#subprocess(request, env, { port: 0, token: '' })
    const { outputFile } = options
    await ensureOwnedDirectory(dirname(outputFile))
    const outputStart = await sizeOf(outputFile)
    return runningJob(await this.#options.subprocesses.spawn(options), {
      ...request,
      outputFile,
      outputStart,
      hide: this.#hide,
    })
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

  async #environment(
    { service, id, release }: InstanceRequest,
    port: number,
    token: string,
  ): Promise<Record<string, string>> {
    const { node, telemetry, blueprintFile, compileCache, secrets, surroundings = process.env } = this.#options
    const values = await this.#secretValues(service)
    const document = this.#options.bindings(service.name)
    const env = instanceEnvironment({
      service,
      id,
      host: LOOPBACK,
      port,
      urls: Object.fromEntries(Object.entries(document.services).map(([name, { url }]) => [name, url])),
      databaseUrls: Object.fromEntries(
        Object.entries(document.databases).flatMap(([name, { url }]) => (url === undefined ? [] : [[name, url]])),
      ),
      bindingsFile: this.#bindingsFile(service.name),
      blueprint: blueprintFile === undefined ? undefined : pathInRelease(release, blueprintFile),
      node,
      ...this.#code,
      telemetry: telemetry === undefined ? undefined : { socket: telemetry.socket, token },
      home: tmpdir(),
      compileCache,
      surroundings,
      secrets: { values, file: secrets?.file },
    })
    await this.#writeBindings(document)
    return env
  }

  async #secretValues({ env }: ResolvedService): Promise<Readonly<Record<string, string | undefined>>> {
    const { secrets, surroundings = process.env } = this.#options
    const names = Object.values(env).flatMap((value) => (value.kind === 'secret' ? [value.name] : []))
    if (secrets === undefined || names.length === 0) return surroundings
    const values = await secrets.read()
    secrets.keepHidden(names.map((name) => values[name]).filter((value) => value !== undefined))
    return values
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
    assert(program.kind !== 'files', `${service.name} has no program`)
    return program.kind === 'entry'
      ? { command: this.#options.node, args: [pathInRelease(release, program.entry)], cwd }
      : { command: '/bin/sh', args: ['-c', program.command], cwd }
  }
}

/** What a later run has to know of an instance. */
type Notes = { readonly port: number; readonly token: string }

async function sizeOf(file: string): Promise<number> {
  return (await stat(file).catch(() => undefined))?.size ?? 0
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined
}
