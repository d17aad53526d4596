import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Client } from 'pg'
import { sleep, systemClock } from '../../../../src/core/clock.ts'
import type { Acceptance } from './history.ts'

/** The timeline of the server that is asked, which takes writes: an error elsewhere. */
export const TIMELINE = `('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int`

export const PROBE_TABLE = `create table probe (node int primary key, count int not null);
  insert into probe select node, 0 from generate_series(1, 8) node;`

/** Somebody who tries to write on every node, past everything that is there to prevent it. */
export interface Prober {
  readonly acceptances: readonly Acceptance[]
  /** The ports that a node has been found at. */
  portsOf(node: number): ReadonlySet<number>
  end(): Promise<void>
}

/** @see startProber */
export interface ProberOptions {
  /** Data directories, by node. */
  readonly nodes: ReadonlyMap<number, string>
  readonly socketDirectory: string
  readonly database: string
  readonly password: string
}

const PAUSE_MS = 40
const PATIENCE_MS = 1_500

/** Begins to probe, as superuser, with commits that wait for nobody. */
export function startProber(options: ProberOptions): Prober {
  const ending = new AbortController()
  const acceptances: Acceptance[] = []
  const ports = new Map<number, Set<number>>()

  async function probe(node: number, directory: string): Promise<void> {
    let client: Client | undefined
    while (!ending.signal.aborted) {
      const fromMs = systemClock.nowMs()
      try {
        client ??= await open(node, directory)
        const { rows } = await client.query<{ timeline: number }>(
          `update probe set count = count + 1 where node = ${node} returning ${TIMELINE} as timeline`,
        )
        const [row] = rows
        if (row !== undefined) {
          acceptances.push({ fromMs, toMs: systemClock.nowMs(), timeline: row.timeline, by: `a probe of node ${node}` })
        }
      } catch (error) {
        // 25006: it takes no writes now. Anything else: nobody is there.
        if ((error as { code?: string }).code !== '25006') {
          void client?.end().catch(() => undefined)
          client = undefined
        }
      }
      await sleep(systemClock, PAUSE_MS)
    }
    await client?.end().catch(() => undefined)
  }

  async function open(node: number, directory: string): Promise<Client> {
    const port = await portIn(directory)
    ports.set(node, (ports.get(node) ?? new Set()).add(port))
    const { socketDirectory: host, database, password } = options
    return openAsSuperuser({ host, port, database, password })
  }

  const work = [...options.nodes].map(([node, directory]) => probe(node, directory))
  return {
    acceptances,
    portsOf: (node) => ports.get(node) ?? new Set(),
    async end() {
      ending.abort()
      await Promise.all(work)
    },
  }
}

/** A session on one server, whoever it is. */
export async function openAsSuperuser(place: {
  readonly host: string
  readonly port: number
  readonly database: string
  readonly password: string
}): Promise<Client> {
  const client = new Client({
    ...place,
    user: 'postgres',
    connectionTimeoutMillis: PATIENCE_MS,
    query_timeout: PATIENCE_MS,
    application_name: 'prober',
    options: '-c synchronous_commit=local',
  })
  // It may go away at any time; whoever asks next is told.
  client.on('error', () => undefined)
  await client.connect()
  return client
}

/** The port of the server that runs in a data directory: the fourth line of its `postmaster.pid`. */
export async function portIn(directory: string): Promise<number> {
  const lines = (await readFile(join(directory, 'postmaster.pid'), 'utf8')).split('\n')
  const port = Number(lines[3])
  if (!Number.isInteger(port) || port === 0) throw new Error('expected a server to have written down its port')
  return port
}
