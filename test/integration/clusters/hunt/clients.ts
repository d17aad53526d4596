import { sleep, systemClock } from '../../../../src/core/clock.ts'
import { hasCode } from '../../../../src/core/errors.ts'
import type { Random } from '../../../../src/core/random.ts'
import type { DatabaseAddress, DatabaseConnection } from '../../../../src/sql/database.ts'
import { connectDatabase } from '../../../../src/sql/database.ts'
import type { ReadToken } from '../../../../src/sql/position.ts'
import { laterToken } from '../../../../src/sql/position.ts'
import type { Attempt, Served } from './history.ts'
import { TIMELINE } from './prober.ts'

/** Users of a cluster, through the same library as a service. */
export interface Clients {
  readonly attempts: readonly Attempt[]
  /** What readers found wrong, for people. */
  readonly defects: readonly string[]
  readonly acknowledged: number
  readonly reads: number
  /** Longest time without an acknowledged write since the last call, in ms. */
  gapMs(): number
  moveTo(address: DatabaseAddress): void
  /** Resolves when nobody writes or reads any more. */
  end(): Promise<void>
}

export const WRITERS = 4
const READERS = 2
/** A statement is given up rather than waited for as long as a standby is stopped. */
const STATEMENT_TIMEOUT = '4s'
const PAUSE_MS = 5

export const TABLES = `
  create table entry (writer int not null, seq int not null, term int not null, timeline int not null, port int not null);
  create table progress (writer int primary key, seq int not null, rows int not null);
  insert into progress select writer, 0, 0 from generate_series(1, ${WRITERS}) writer;`

const ENTRY = `insert into entry
  select $1, $2, (select max(term) from tenfold.term), ${TIMELINE}, inet_server_port() returning term, timeline, port`
const PROGRESS = 'update progress set seq = greatest(seq, $2), rows = rows + 1 where writer = $1'

/** Begins to write and read; every client has chance of its own. */
export function startClients(address: DatabaseAddress, random: Random): Clients {
  const ending = new AbortController()
  const attempts: Attempt[] = []
  const defects: string[] = []
  const clients = [...Array(WRITERS).keys()].map((index) => connect(address, index + 1))
  const readers = [...Array(READERS).keys()].map((index) => connect(address, WRITERS + index + 1))
  /** The last of each writer, as far as it was acknowledged. */
  const acknowledged = new Map<number, number>()
  let acknowledgements = 0
  let reads = 0
  let lastMs = systemClock.nowMs()
  let gapMs = 0

  async function write(connection: DatabaseConnection, writer: number, chance: Random): Promise<void> {
    for (let seq = 1; !ending.signal.aborted; seq++) {
      const [fromMs, sentEpochMs] = [systemClock.nowMs(), systemClock.epochMs()]
      const told = await attempt(connection, writer, seq, chance.integer(2) === 0)
      const toMs = systemClock.nowMs()
      attempts.push({ writer, seq, fromMs, toMs, sentEpochMs, ...told })
      if (told.outcome === 'acknowledged') {
        acknowledged.set(writer, seq)
        acknowledgements++
        gapMs = Math.max(gapMs, toMs - lastMs)
        lastMs = toMs
      }
      await sleep(systemClock, told.outcome === 'acknowledged' ? PAUSE_MS : 5 * PAUSE_MS)
    }
  }

  async function read(connection: DatabaseConnection, chance: Random): Promise<void> {
    let token: ReadToken | undefined
    const floor = new Map<number, { seq: number; rows: number }>()
    while (!ending.signal.aborted) {
      try {
        if (token === undefined || chance.integer(4) === 0) {
          const before = new Map(acknowledged)
          const fresh = await connection.token()
          // As readTokens does: what was seen on a replica is not in a token of the primary.
          token = token === undefined ? fresh : laterToken(token, fresh)
          for (const [writer, seq] of before) raise(floor, { writer, seq, rows: 0 })
        }
        const view = connection.read({ after: token })
        const { rows } = await view.query<Progress>(
          `select writer, seq, rows, not pg_is_in_recovery() as "isPrimary" from progress`,
        )
        for (const row of rows) judge(row, floor.get(row.writer), token)
        token = await view.token()
        for (const row of rows) raise(floor, row)
        reads++
      } catch {
        // Not read. What it asks next has to be as new.
      }
      await sleep(systemClock, 2 * PAUSE_MS)
    }
  }

  function judge(row: Progress, floor: { seq: number; rows: number } | undefined, token: ReadToken): void {
    if (floor === undefined || (row.seq >= floor.seq && row.rows >= floor.rows)) return
    const isAcknowledged = (acknowledged.get(row.writer) ?? 0) >= floor.seq
    const where = row.isPrimary ? 'the primary' : 'a follower'
    defects.push(
      `a read after ${token} at ${Math.round(systemClock.nowMs())} ms, on ${where}, went back from ${floor.seq} (${floor.rows} rows, ${isAcknowledged ? 'acknowledged' : 'only seen'}) to ${row.seq} (${row.rows} rows) of writer ${row.writer}`,
    )
  }

  const work = [
    ...clients.map((connection, index) => write(connection, index + 1, random.fork(`writer ${index}`))),
    ...readers.map((connection, index) => read(connection, random.fork(`reader ${index}`))),
  ]
  return {
    attempts,
    defects,
    get acknowledged() {
      return acknowledgements
    },
    get reads() {
      return reads
    },
    gapMs() {
      const longest = Math.max(gapMs, systemClock.nowMs() - lastMs)
      gapMs = 0
      return longest
    },
    moveTo(next) {
      for (const connection of [...clients, ...readers]) connection.moveTo(next)
    },
    async end() {
      ending.abort()
      await Promise.all(work)
      await Promise.all([...clients, ...readers].map((connection) => connection.end()))
    },
  }
}

interface Progress {
  readonly writer: number
  readonly seq: number
  readonly rows: number
  readonly isPrimary: boolean
}

function raise(
  floor: Map<number, { seq: number; rows: number }>,
  { writer, seq, rows }: Pick<Progress, 'writer' | 'seq' | 'rows'>,
): void {
  const before = floor.get(writer)
  floor.set(writer, { seq: Math.max(seq, before?.seq ?? 0), rows: Math.max(rows, before?.rows ?? 0) })
}

function connect(address: DatabaseAddress, client: number): DatabaseConnection {
  return connectDatabase(address, {
    applicationName: `client ${client}`,
    acquireTimeout: '1s',
    statementTimeout: STATEMENT_TIMEOUT,
  })
}

async function attempt(
  connection: DatabaseConnection,
  writer: number,
  seq: number,
  isTransaction: boolean,
): Promise<Pick<Attempt, 'outcome' | 'served' | 'judged'>> {
  try {
    const served = isTransaction
      ? await connection.transaction(async (tx) => {
          await tx.query(PROGRESS, [writer, seq])
          return (await tx.query<Served>(ENTRY, [writer, seq])).rows[0]
        })
      : (await connection.query<Served>(`with progressed as (${PROGRESS}) ${ENTRY}`, [writer, seq])).rows[0]
    return { outcome: 'acknowledged', served }
  } catch (error) {
    const isUnknown =
      hasCode(error, 'TF_COMMIT_INDETERMINATE') || (hasCode(error, 'TF_CONNECTION_LOST') && !isTransaction)
    if (!isUnknown) return { outcome: 'refused' }
    return { outcome: 'unknown', judged: await connection.committed(error as Error).catch(() => undefined) }
  }
}
