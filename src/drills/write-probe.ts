import type { Clock } from '../core/clock.ts'
import { sleep } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import type { Session } from '../sql/session.ts'
import { openSession } from '../sql/session.ts'
import { isServerError } from '../sql/sql-failure.ts'
import type { WriteLedger } from './write-ledger.ts'
import { createWriteLedger } from './write-ledger.ts'

/**
 * Clients that write unique rows to a database without a pause, whatever happens to it. Each row is sent once; when an
 * answer does not come, the outcome stays open and the client goes on with another row, at the address of the day.
 */
export interface WriteProbe {
  readonly ledger: WriteLedger
  /** What the last refused write was told; undefined while all goes well. */
  readonly lastError: string | undefined
  /**
   * Ends the writers, and removes their rows.
   *
   * @returns the rows that were there
   * @throws when the database does not answer
   */
  end(): Promise<readonly number[]>
}

/** @see startWriteProbe */
export interface WriteProbeOptions {
  /** Where writes go now; asked again after each failure. A rejection is one more failure. */
  readonly address: () => string | Promise<string>
  /** Names the rows: no two probes on one database share it. Letters, digits and `_`. */
  readonly id: string
  readonly clock: Clock
  /** @default 4 */
  readonly writers?: number
  /** Pause of each writer between two rows, in milliseconds. @default 2 */
  readonly pauseMs?: number
}

const RETRY_MS = 10
const CONNECT_MS = 2_000
/** A server that is stopped keeps its connections open and says nothing. */
const ANSWER_MS = 2_000

/** Makes a table for its rows and begins to write. @throws when the database can't be reached at first */
export async function startWriteProbe(options: WriteProbeOptions): Promise<WriteProbe> {
  const { clock, address, id, writers = 4, pauseMs = 2 } = options
  const table = tableOf(id)
  const ledger = createWriteLedger(() => clock.nowMs())
  const ending = new AbortController()
  let lastError: string | undefined

  async function connect(): Promise<Session> {
    return openSession({
      url: await address(),
      applicationName: 'tenfold drill',
      connectTimeoutMs: CONNECT_MS,
      statementTimeoutMs: 0,
    })
  }

  async function write(): Promise<void> {
    let session: Session | undefined
    while (!ending.signal.aborted) {
      try {
        session ??= await connect()
      } catch (error) {
        lastError = messageOf(error)
        await sleep(clock, RETRY_MS)
        continue
      }
      const number = ledger.begin()
      try {
        await answered(session.query(`insert into ${table} (id) values ($1)`, [number]), clock)
        ledger.acknowledge(number)
        await sleep(clock, pauseMs)
      } catch (error) {
        lastError = messageOf(error)
        // What the server itself has refused certainly is not there.
        if (!isServerError(error)) ledger.leaveOpen(number)
        void session.close()
        session = undefined
        await sleep(clock, RETRY_MS)
      }
    }
    await session?.close()
  }

  const first = await connect()
  // No key: a row that came twice has to be able to be there twice.
  await first.query(`create schema if not exists tenfold`)
  await first.query(`create table ${table} (id bigint not null)`)
  await first.close()
  const writing = Array.from({ length: writers }, write)

  return {
    ledger,
    get lastError() {
      return lastError
    },
    async end() {
      ending.abort()
      await Promise.all(writing)
      const session = await connect()
      try {
        const rows = await readRows(session, table)
        await session.query(`drop table ${table}`)
        return rows
      } finally {
        await session.close()
      }
    },
  }
}

/** The rows of a probe in a copy of its database; none where the copy is older than the probe. */
export async function rowsOfProbe(url: string, id: string): Promise<readonly number[]> {
  const table = tableOf(id)
  const session = await openSession({
    url,
    applicationName: 'tenfold drill',
    connectTimeoutMs: CONNECT_MS,
    statementTimeoutMs: 0,
  })
  try {
    const { rows } = await session.query<{ isThere: boolean }>(`select to_regclass($1) is not null as "isThere"`, [
      table,
    ])
    return rows[0]?.isThere === true ? await readRows(session, table) : []
  } finally {
    await session.close()
  }
}

async function readRows(session: Session, table: string): Promise<readonly number[]> {
  const { rows } = await session.query<{ id: string }>(`select id from ${table}`)
  return rows.map((row) => Number(row.id))
}

function tableOf(id: string): string {
  return `tenfold.drill_${id}`
}

async function answered<Result>(work: Promise<Result>, clock: Clock): Promise<Result> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const cancel = clock.schedule(ANSWER_MS, () => reject(new Error(`no answer within ${ANSWER_MS} ms`)))
  try {
    return await Promise.race([work, late])
  } finally {
    cancel()
    work.catch(() => undefined)
  }
}
