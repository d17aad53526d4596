import type { ChildUser } from '../core/child-user.ts'

/** How the checks look at the machine; tests have others. */
export interface Probes {
  /** `'26.10.0'` */
  readonly nodeVersion: string
  /** `'linux'` */
  readonly platform: string
  /** `'x64'` */
  readonly architecture: string
  /** Variables of the environment. */
  readonly environment: Readonly<Record<string, string | undefined>>
  processors(): number
  memoryAvailableBytes(): number
  /** The account of the children; undefined: ours. @throws TF_CHILD_USER_MISSING */
  childUser(): ChildUser | undefined
  /** Why a limit on CPU or memory would not hold; undefined: it would. */
  limitsNotEnforced(limit: 'cpu' | 'memory'): string | undefined
  /** The version of the PostgreSQL that npm installed. @throws TF_POSTGRES_MISSING when the account can't run it */
  postgresVersion(): Promise<string>
  isPortFree(host: string, port: number): Promise<boolean>
  /** How many files a process may have open; undefined where the machine does not tell. */
  openFilesMax(): number | undefined
  /** Free bytes where the state is, or will be. */
  diskFreeBytes(directory: string): Promise<number>
  /** Milliseconds of a write that has to be on the disk: the median of several. @throws when we may not write there */
  durableWriteMs(directory: string): Promise<number>
  /** Whether the account of the children may enter a directory. */
  canEnter(directory: string): Promise<boolean>
  /** Makes a directory for sockets, and removes it again. @throws TF_SOCKET_UNUSABLE */
  tryRuntimeDirectory(): Promise<void>
  epochMs(): number
  /** When our package was installed. */
  installedEpochMs(): Promise<number>
  /** What the file system says when a file is written now. */
  fileSystemEpochMs(directory: string): Promise<number>
  /** Whether the account of the children finds a program on the PATH. */
  hasProgram(name: string): Promise<boolean>
  /** Whether a package can be imported from a directory. */
  hasPackage(name: string, directory: string): boolean
  /** The version of a PostgreSQL server. @throws TF_DATABASE_UNREACHABLE, TF_POSTGRES_VERSION */
  serverVersion(name: string, url: string): Promise<string>
  /** The port of the gateway of a system that runs already; undefined when it does not run. */
  runningGatewayPort(): Promise<number | undefined>
}
