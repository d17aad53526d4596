import { fileURLToPath } from 'node:url'
import type { ResolvedGateway } from '../blueprint/resolved-blueprint.ts'
import { DEFAULT_HEADERS } from '../blueprint/resolved-blueprint.ts'
import type { CertificateFiles } from '../core/certificate.ts'
import type { ChildUser } from '../core/child-user.ts'
import { STOP_DEADLINE_MS_DEFAULT } from '../core/component.ts'
import { TenfoldError } from '../core/errors.ts'
import { portOf } from '../core/port-of.ts'
import type { ExitStatus, SubprocessOptions } from '../core/subprocess.ts'
import type { GatewayOptions } from './gateway-options.ts'
import { EXIT_PORT_FORBIDDEN, EXIT_PORT_TAKEN, GATEWAY_OPTIONS_VARIABLE } from './gateway-options.ts'
import { portForbidden, portTaken } from './port-errors.ts'

/** How the process of the gateway is run. */
export interface GatewaySubprocessOptions {
  /** Account that the process runs as; undefined: ours. */
  readonly user: ChildUser | undefined
  /** The module to run, where `user` can read it. @default the one beside this file */
  readonly entryFile?: string
  /** The Node to run it with, where `user` can execute it. @default our own */
  readonly nodePath?: string
  /** Address of the public listener. */
  readonly host: string
  readonly port: number
  /** Whether it has to be this port; else the next free one is taken, and a notice says so. */
  readonly isPortGiven: boolean
  /** Of the head of a request. @default 16 KiB, 100 headers */
  readonly headers?: ResolvedGateway['headers']
  /** Files of what the public listener shows to its clients. @default none: it speaks plain HTTP */
  readonly certificates?: readonly CertificateFiles[]
  /** In a directory that `user` can write. */
  readonly adminSocketPath: string
  readonly logFile: string
}

/** Where a gateway listens. */
export interface GatewayUrls {
  readonly url: string
  readonly internalUrl: string
}

export const GATEWAY_PROCESS_NAME = 'gateway'
/** What a process must know how to do, so that one of an earlier version is not adopted. */
const KNOWS = 'doors'

/** What is spawned or adopted, given the options of the process as text. */
export function gatewaySubprocess(options: GatewaySubprocessOptions, processOptions: string): SubprocessOptions {
  const { user, logFile, host, port, isPortGiven, adminSocketPath, nodePath = process.execPath } = options
  const entryFile = options.entryFile ?? besideUs()
  return {
    name: GATEWAY_PROCESS_NAME,
    command: nodePath,
    args: ['--disable-warning=ExperimentalWarning', entryFile],
    env: { [GATEWAY_OPTIONS_VARIABLE]: processOptions },
    user,
    outputFile: logFile,
    handover: {
      // What was asked for; the ports that it has got are among what it says itself.
      sameness: JSON.stringify([
        nodePath,
        entryFile,
        host,
        port,
        isPortGiven,
        adminSocketPath,
        user,
        ...listensAs(options),
      ]),
      notes: { options: processOptions },
    },
  }
}

/** What a listener is opened with, whatever its certificates are. */
function listensAs({ headers = DEFAULT_HEADERS, certificates = [] }: GatewaySubprocessOptions): readonly unknown[] {
  return [headers, certificates.length > 0, KNOWS]
}

/** After a restart the ports stay: instances hold the internal URL in their environment. */
export function gatewayOptions(options: GatewaySubprocessOptions, known: GatewayUrls | undefined): GatewayOptions {
  const { host, port, isPortGiven, headers = DEFAULT_HEADERS, certificates = [], adminSocketPath } = options
  return {
    host,
    port: known === undefined ? port : portOf(known.url),
    isPortGiven: known !== undefined || isPortGiven,
    internalPort: known === undefined ? 0 : portOf(known.internalUrl),
    headers,
    isSecure: certificates.length > 0,
    adminSocketPath,
    // Before the kill that follows: its last act is to end its connections properly.
    stopDeadlineMs: STOP_DEADLINE_MS_DEFAULT - 1_000,
  }
}

/** Why a process that has been started with these options did not come to listen. */
export function startFailed({ host, port }: GatewayOptions, logFile: string, exit: ExitStatus): TenfoldError {
  if (exit.code === EXIT_PORT_TAKEN) return portTaken(host, port)
  if (exit.code === EXIT_PORT_FORBIDDEN) return portForbidden(host, port)
  return new TenfoldError('TF_SPAWN_FAILED', `expected the gateway to run, but it ended with ${describeExit(exit)}`, {
    hint: `read ${logFile}`,
    details: { logFile },
  })
}

export function describeExit(exit: ExitStatus): string {
  if (exit.signal !== undefined) return `signal ${exit.signal}`
  return exit.code === undefined ? 'an unknown exit code' : `exit code ${exit.code}`
}

/** In the sources this module is TypeScript and so is its neighbour; in the package both are JavaScript. */
function besideUs(): string {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  return fileURLToPath(new URL(`gateway-process.${extension}`, import.meta.url))
}
