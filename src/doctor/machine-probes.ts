import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdtemp, open, rm, stat, statfs } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { availableParallelism, freemem } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createExternalServer } from '../clusters/external-server.ts'
import { findPostgresBinaries } from '../clusters/postgres-binaries.ts'
import { privateRuntimeDirectory } from '../control/runtime-directory.ts'
import { canAccess, findChildUser } from '../core/child-user.ts'
import type { Clock } from '../core/clock.ts'
import { removeGroups } from '../core/control-group.ts'
import { limitResources } from '../core/limit-resources.ts'
import { openFilesMax } from '../core/open-files.ts'
import type { Probes } from './probes.ts'

const WRITES = 15
const BLOCK_BYTES = 8_192
const MEMORY_TRIED_BYTES = 64 * 1024 ** 2

/** Looks at this machine. Leaves nothing behind but a copy of PostgreSQL for the children, which `up` would make. */
export function machineProbes(options: {
  readonly clock: Clock
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly runningGatewayPort: () => Promise<number | undefined>
}): Probes {
  const { clock, environment, runningGatewayPort } = options
  return {
    nodeVersion: process.versions.node,
    platform: process.platform,
    architecture: process.arch,
    environment,
    runningGatewayPort,
    processors: availableParallelism,
    memoryAvailableBytes: () => memoryAvailable() ?? freemem(),
    childUser: () => findChildUser(),
    limitsNotEnforced(limit) {
      const group = limitResources(limit === 'cpu' ? { cpu: 0.5 } : { memoryBytes: MEMORY_TRIED_BYTES })
      removeGroups(group.directories)
      return group.state.enforced ? undefined : (group.state.reason ?? 'for a reason unknown')
    },
    postgresVersion: async () => (await findPostgresBinaries({ user: findChildUser() })).version,
    isPortFree,
    openFilesMax,
    async diskFreeBytes(directory) {
      const { bavail, bsize } = await statfs(directory)
      return bavail * bsize
    },
    durableWriteMs: (directory) => withFile(directory, (file) => medianWriteMs(file, clock)),
    canEnter: (directory) => canAccess(findChildUser(), directory, 'execute'),
    async tryRuntimeDirectory() {
      const directory = await privateRuntimeDirectory({
        recorded: undefined,
        owner: undefined,
        isPassable: true,
        env: environment,
      })
      await rm(directory, { recursive: true })
    },
    epochMs: () => clock.epochMs(),
    installedEpochMs: async () => (await stat(fileURLToPath(new URL('../../package.json', import.meta.url)))).mtimeMs,
    fileSystemEpochMs: (directory) =>
      withFile(directory, async (file) => {
        await file.write('x')
        return (await file.stat()).mtimeMs
      }),
    hasProgram,
    hasPackage(name, directory) {
      try {
        createRequire(join(directory, 'package.json')).resolve(name)
        return true
      } catch {
        return false
      }
    },
    async serverVersion(name, url) {
      const server = createExternalServer({ name, url })
      await server.start()
      await server.stop()
      return server.version ?? 'of an unknown version'
    },
  }
}

/** What programs can still get, buffers that can be given up included. */
function memoryAvailable(): number | undefined {
  const kibibytes = /^MemAvailable:\s+(\d+) kB/m.exec(read('/proc/meminfo') ?? '')?.[1]
  return kibibytes === undefined ? undefined : Number(kibibytes) * 1_024
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    // Only Linux has it.
    return undefined
  }
}

function isPortFree(host: string, port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  // Whoever calls meanwhile must not keep it open.
  const server = createServer((socket) => socket.destroy())
  server.once('error', () => resolve(false))
  server.listen(port, host, () => server.close(() => resolve(true)))
  return promise
}

/** A new file in a directory of its own, which is removed with it. */
async function withFile<Result>(
  directory: string,
  use: (file: Awaited<ReturnType<typeof open>>) => Promise<Result>,
): Promise<Result> {
  const place = await mkdtemp(join(directory, '.tenfold-doctor-'))
  try {
    const file = await open(join(place, 'file'), 'w')
    try {
      return await use(file)
    } finally {
      await file.close()
    }
  } finally {
    await rm(place, { recursive: true, force: true })
  }
}

/** As PostgreSQL writes its log: a block, and no further until the disk has it. */
async function medianWriteMs(file: Awaited<ReturnType<typeof open>>, clock: Clock): Promise<number> {
  const block = Buffer.alloc(BLOCK_BYTES, 1)
  const times: number[] = []
  for (let write = 0; write < WRITES; write++) {
    const startedMs = clock.nowMs()
    await file.write(block, 0, BLOCK_BYTES, write * BLOCK_BYTES)
    await file.datasync()
    times.push(clock.nowMs() - startedMs)
  }
  return times.toSorted((a, b) => a - b)[Math.floor(WRITES / 2)] as number
}

/** Asked of the shell that runs commands, as the account that they run as. */
function hasProgram(name: string): Promise<boolean> {
  const user = findChildUser()
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const shell = spawn('/bin/sh', ['-c', 'command -v "$1"', 'sh', name], {
    cwd: '/',
    env: { PATH: process.env['PATH'] },
    stdio: 'ignore',
    ...(user === undefined ? {} : { uid: user.uid, gid: user.gid }),
  })
  shell.once('error', () => resolve(false))
  shell.once('exit', (code) => resolve(code === 0))
  return promise
}
