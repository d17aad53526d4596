import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { FollowerOptions } from '../../../../src/clusters/cluster-options.ts'
import { createCluster } from '../../../../src/clusters/cluster.ts'
import { findPostgresBinaries } from '../../../../src/clusters/postgres-binaries.ts'
import { findChildUser } from '../../../../src/core/child-user.ts'
import { messageOf } from '../../../../src/core/errors.ts'
import { uniqueId } from '../../../../src/core/random.ts'
import { createSubprocesses } from '../../../../src/core/subprocesses.ts'

/** What a run of this file is told, as JSON on its command line. */
export interface HostOptions {
  readonly name: string
  readonly directory: string
  /** That of the cluster. */
  readonly dataDirectory: string
  readonly socketDirectory: string
  readonly followers: FollowerOptions
  /** `Links.ports` */
  readonly ports: Readonly<Record<number, Readonly<Record<number, number>>>>
}

/** What it says on its output, a line of JSON each. */
export type HostLine =
  | { readonly kind: 'status'; readonly status: HostStatus }
  | { readonly kind: 'switched'; readonly refused?: string }

export interface HostStatus {
  readonly state: string
  readonly term: number
  /** Of the owner; undefined until it has an address. */
  readonly url: string | undefined
  readonly adminUrl: string | undefined
  readonly nodes: readonly {
    readonly id: number
    readonly role: string
    readonly state: string
    readonly port?: number
  }[]
  readonly alarm: string | undefined
  readonly failovers: number
}

// The control plane of one cluster, to be killed: its servers live on, and the next run adopts them.
// A line "switchover" on its input hands over; the end of its input ends the cluster.
const options = JSON.parse(process.argv[2]!) as HostOptions
const { name, directory, dataDirectory, socketDirectory, followers, ports } = options
const user = findChildUser()
const cluster = createCluster({
  name,
  dataDirectory,
  binaries: await findPostgresBinaries({ user, cacheDirectory: join(directory, 'binaries') }),
  subprocesses: await createSubprocesses({
    recordFile: join(directory, 'children.json'),
    runToken: uniqueId(),
    isEphemeral: false,
  }),
  user,
  socketDirectory,
  followers,
  linkPort: (follower, node) => ports[follower]![node]!,
  logFile: join(directory, `${name}.log`),
  onState: () => queueMicrotask(sayStatus),
})
// Whoever listened may be gone; the cluster is ended all the same.
process.stdout.on('error', () => undefined)
let switching = Promise.resolve()
const input = createInterface({ input: process.stdin })
input.on('line', (line) => {
  if (line === 'switchover') switching = switching.then(switchOver)
})
input.on('close', () => void end())
try {
  await cluster.start()
  sayStatus()
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`)
  process.exit(1)
}

function say(line: HostLine): void {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}

function sayStatus(): void {
  const { state, term = 0, nodes, alarm, failovers } = cluster
  const isThere = cluster.port !== undefined
  const status = {
    state: state.kind,
    term,
    url: isThere ? cluster.url() : undefined,
    adminUrl: isThere ? cluster.adminUrl() : undefined,
    nodes: nodes.map(({ id, role, state: of, port }) => ({
      id,
      role,
      state: of,
      ...(port === undefined ? {} : { port }),
    })),
    alarm: alarm?.reason,
    failovers,
  }
  say({ kind: 'status', status })
}

async function switchOver(): Promise<void> {
  try {
    await cluster.switchover()
    say({ kind: 'switched' })
  } catch (error) {
    say({ kind: 'switched', refused: messageOf(error) })
  }
}

async function end(): Promise<void> {
  await cluster.stop()
  process.exit(0)
}
