import type { Client } from 'pg'
import { sleep, systemClock } from '../../../../src/core/clock.ts'
import { messageOf } from '../../../../src/core/errors.ts'
import type { Rows, Term } from './history.ts'
import { keyOf } from './history.ts'
import { openAsSuperuser, portIn } from './prober.ts'

/** What is in the database at the end. */
export interface Ledger {
  readonly rows: Rows
  readonly terms: readonly Term[]
  /** Where it contradicts itself, for people. */
  readonly defects: readonly string[]
}

/** Where the nodes of a cluster are. */
export interface LedgerPlace {
  readonly socketDirectory: string
  readonly database: string
  readonly password: string
  /** Data directories, by node. */
  readonly directories: ReadonlyMap<number, string>
}

const CATCH_UP_MS_MAX = 30_000
const CONTENT = `select md5(string_agg(writer || '/' || seq || '/' || term, ',' order by writer, seq)) as hash from entry`

/** Reads all that was written, on the primary. */
export async function readLedger(place: LedgerPlace, primary: number): Promise<Ledger> {
  return withNode(place, primary, async (session) => {
    const { rows } = await session.query<{ writer: number; seq: number; count: number }>(
      'select writer, seq, count(*)::int as count from entry group by writer, seq',
    )
    const { rows: terms } = await session.query<Term>(
      `select term::int, node, (extract(epoch from began) * 1000)::float8 as "beganEpochMs" from tenfold.term order by term`,
    )
    const { rows: torn } = await session.query<{ writer: number; rows: number; count: number }>(
      `select writer, rows, count from progress join (select writer, count(*)::int as count from entry group by writer) _ using (writer)
        where rows <> count`,
    )
    return {
      rows: new Map(rows.map((row) => [keyOf(row), row.count])),
      terms,
      defects: torn.map(({ writer, ...of }) => `writer ${writer} has ${of.count} rows, and counted ${of.rows}`),
    }
  })
}

/** Waits until every node has what the primary has, and compares. Returns where they differ, for people. */
export async function compareNodes(place: LedgerPlace, primary: number): Promise<readonly string[]> {
  const [position, hash, slots] = await withNode(place, primary, async (session) => {
    const { rows } = await session.query<{ at: string; slots: string[] }>(
      `select pg_current_wal_insert_lsn()::text as at,
              array(select slot_name::text from pg_replication_slots order by 1) as slots`,
    )
    return [rows[0]!.at, await contentOf(session), rows[0]!.slots]
  })
  const others = [...place.directories.keys()].filter((node) => node !== primary)
  const expected = others.map((node) => `tenfold_${node}`).join()
  const defects = slots.join() === expected ? [] : [`expected the slots ${expected}, got ${slots.join()}`]
  for (const node of others) {
    const found = await withNode(place, node, async (session) => {
      await untilReplayed(session, position)
      return contentOf(session)
    }).catch((error: unknown) => `nothing: ${messageOf(error)}`)
    if (found !== hash) defects.push(`node ${node} has other rows than the primary: ${found}`)
  }
  return defects
}

async function contentOf(session: Client): Promise<string> {
  const { rows } = await session.query<{ hash: string }>(CONTENT)
  return rows[0]!.hash
}

async function untilReplayed(session: Client, position: string): Promise<void> {
  const deadlineMs = systemClock.nowMs() + CATCH_UP_MS_MAX
  for (;;) {
    const { rows } = await session.query<{ isThere: boolean }>(
      'select pg_last_wal_replay_lsn() >= $1::pg_lsn as "isThere"',
      [position],
    )
    if (rows[0]!.isThere) return
    if (systemClock.nowMs() > deadlineMs) throw new Error(`expected ${position} to be replayed`)
    await sleep(systemClock, 20)
  }
}

async function withNode<Result>(
  { socketDirectory: host, database, password, directories }: LedgerPlace,
  node: number,
  work: (session: Client) => Promise<Result>,
): Promise<Result> {
  const session = await openAsSuperuser({ host, port: await portIn(directories.get(node)!), database, password })
  try {
    return await work(session)
  } finally {
    await session.end()
  }
}
