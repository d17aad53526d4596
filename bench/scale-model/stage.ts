import { chmod, copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { checkBlueprint } from '../../src/blueprint/check.ts'
import { identifyProcess } from '../../src/core/process-identity.ts'
import { processUsage } from '../../src/core/process-usage.ts'
import type { BindingsDocument } from '../../src/service/bindings-document.ts'
import type { System } from '../../src/runtime/system.ts'
import { createSystem } from '../../src/runtime/system.ts'
import type { HeldGroup, Quota } from './quota.ts'
import { groupOf } from './quota.ts'

/** A throw-away system, started as `tenfold up` starts one. */
export interface Stage {
  /** The public listener of the gateway. */
  readonly url: string
  readonly gatewayPid: number
  /** Instances of a service, by its name; or, without one, of all services. */
  instances(service?: string): readonly Machine[]
  nodes(): readonly Node[]
  /** CPU seconds of everything that belongs to the benchmark, itself included. */
  ownCpuSeconds(): number
  stop(): Promise<void>
}

/** A process that plays a small machine. */
export interface Machine {
  readonly pid: number
  readonly port: number
  readonly group: HeldGroup
}

/** A database node. */
export interface Node extends Machine {
  /** For the owner of the database. */
  readonly url: string
}

/** What is on stage. */
export interface StageOptions {
  /** Services and how many instances each. Among them `free`, of one instance, which runs without a quota. */
  readonly services: Readonly<Record<string, number>>
  /** How many databases of one node each. */
  readonly databases: number
  /** Of each instance and node, at first. */
  readonly quota: Quota
}

/** Rows of the table that each database gets. */
export const TABLE_ROWS = 50_000

const TABLE = `create table account (id integer primary key, balance integer not null, note text not null);
insert into account select id, 0, repeat('x', 100) from generate_series(1, ${TABLE_ROWS}) as id;
`

/** Writes the blueprint and starts it. */
export async function openStage(options: StageOptions, signal: AbortSignal): Promise<Stage> {
  // Reachable for the account that instances run as; else the data would go elsewhere and stay.
  const directory = await mkdtemp(join(tmpdir(), 'tenfold-scale-model-'))
  await chmod(directory, 0o755)
  const remove = (): Promise<void> => rm(directory, { recursive: true, force: true })
  try {
    const file = join(directory, 'tenfold.config.ts')
    await mkdir(join(directory, 'migrations'))
    const server = fileURLToPath(new URL('work-server.ts', import.meta.url))
    await Promise.all([
      writeFile(file, 'export default {}\n'),
      writeFile(join(directory, 'package.json'), '{ "type": "module" }\n'),
      writeFile(join(directory, 'migrations/1-account.sql'), TABLE),
      copyFile(server, join(directory, 'work-server.ts')),
    ])
    const system = createSystem({ blueprint: checkBlueprint(describe(options), { file }), isEphemeral: true })
    try {
      await system.start(signal)
      return await onStage(system, remove)
    } catch (error) {
      await system.stop()
      throw error
    }
  } catch (error) {
    await remove()
    throw error
  }
}

function describe({ services, databases, quota }: StageOptions): unknown {
  const resources = { cpu: quota.cpu }
  const names = Array.from({ length: databases }, (_, index) => `shard${index + 1}`)
  return {
    name: 'scale-model',
    gateway: { port: 0 },
    databases: Object.fromEntries(names.map((name) => [name, { migrations: './migrations', resources }])),
    services: Object.fromEntries(
      Object.entries(services).map(([name, count]) => [
        name,
        {
          entry: './work-server.ts',
          routes: [`/${name}`],
          instances: { min: count },
          // The reader of bindings gets the addresses of all databases.
          ...(name === 'free' ? { databases: names } : {}),
          resources,
        },
      ]),
    ),
  }
}

async function onStage(system: System, remove: () => Promise<void>): Promise<Stage> {
  const snapshot = system.snapshots.current()
  const services = new Map(
    Object.values(snapshot.services).map(({ name, instances }) => [
      name,
      instances.map(({ pid = 0, port = 0 }) => ({ pid, port, group: groupOf(pid) })),
    ]),
  )
  const databases = Object.values(snapshot.databases)
  const url = snapshot.gateway.url ?? ''
  const urls = databases.length === 0 ? {} : await databaseUrls(url)
  const nodes = databases.map(({ name, nodes: [node] }) => {
    const { pid = 0, port = 0 } = node ?? {}
    return { pid, port, group: groupOf(pid), url: urls[name] ?? '' }
  })
  const gatewayPid = snapshot.gateway.pid ?? 0
  const machines = [...services.values()].flat()
  for (const { group } of services.get('free') ?? []) group.hold(undefined)
  const others = [gatewayPid, process.pid].flatMap((pid) => identifyProcess(pid) ?? [])
  return {
    url,
    gatewayPid,
    instances: (service) => (service === undefined ? machines : (services.get(service) ?? [])),
    nodes: () => nodes,
    ownCpuSeconds: () =>
      [...machines, ...nodes].reduce((sum, { group }) => sum + group.read().cpuSeconds, 0) +
      others.reduce((sum, identity) => sum + (processUsage(identity)?.cpuSeconds ?? 0), 0),
    async stop() {
      await system.stop()
      await remove()
    },
  }
}

/** By the contract between Tenfold and services: the bindings document of one that lists all databases. */
async function databaseUrls(url: string): Promise<Record<string, string>> {
  const response = await fetch(`${url}/free?bindings`)
  const document = (await response.json()) as BindingsDocument
  return Object.fromEntries(
    Object.entries(document.databases).map(([name, { shards }]) => [name, shards[0]?.url ?? '']),
  )
}
