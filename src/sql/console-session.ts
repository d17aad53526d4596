import type { FieldDef, QueryConfig } from 'pg'
import { Client, Query } from 'pg'
import { TenfoldError, messageOf } from '../core/errors.ts'

/** The outcome of one statement that a person typed. */
export interface ConsoleResult {
  /** First word of the statement as the server understood it: `'SELECT'`. */
  readonly command: string
  /** Names of the columns, in order; empty for a statement that gives no rows. Two may be the same. */
  readonly columns: readonly string[]
  /** Values in the order of the columns; null for NULL. As the server writes them, or as values, see `isText`. */
  readonly rows: readonly (readonly unknown[])[]
  /** Rows given or changed, also those beyond the limit. */
  readonly rowCount: number
}

/** One connection for a person: statements one after the other, which can be cancelled. */
export interface ConsoleSession {
  /** @throws the server's error, with its SQLSTATE in `code`; TF_CONNECTION_LOST */
  run(statement: string): Promise<ConsoleResult>
  /** Cancels the statement that runs, which then fails with 57014. Does nothing when none does. */
  cancel(): Promise<void>
  /** Says good-bye; what an open transaction did is undone. Never rejects. */
  close(): Promise<void>
}

export interface ConsoleOptions {
  readonly url: string
  /** Rows kept of one result; the others are only counted. */
  readonly rowsMax: number
  /** Whether values are the text that the server writes, as psql shows it; else JavaScript values. */
  readonly isText: boolean
  /** Gets what the server says besides results: `RAISE NOTICE`, warnings. */
  readonly onNotice: (text: string) => void
}

const CONNECT_TIMEOUT_MS = 5_000

/**
 * Connects.
 *
 * @throws TF_DATABASE_UNREACHABLE
 */
export async function openConsole(options: ConsoleOptions): Promise<ConsoleSession> {
  const client = clientFor(options.url)
  const session = new PostgresConsole(client, options)
  try {
    await client.connect()
    await session.learnPid()
  } catch (cause) {
    throw new TenfoldError('TF_DATABASE_UNREACHABLE', `expected a connection, got: ${messageOf(cause)}`, {
      hint: 'check that the database runs: "tenfold status"',
      cause,
    })
  }
  return session
}

function clientFor(url: string): Client {
  return new Client({
    connectionString: url,
    application_name: 'tenfold sql',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  })
}

const AS_TEXT = { getTypeParser: () => (value: unknown) => value }

class PostgresConsole implements ConsoleSession {
  readonly #client: Client
  readonly #options: ConsoleOptions
  #pid = 0
  #isRunning = false
  #isLost = false

  constructor(client: Client, options: ConsoleOptions) {
    this.#client = client
    this.#options = options
    client.on('notice', ({ severity = 'NOTICE', message }) => options.onNotice(`${severity}:  ${message}`))
    client.on('error', () => (this.#isLost = true))
    client.on('end', () => (this.#isLost = true))
  }

  async learnPid(): Promise<void> {
    const { rows } = await this.#client.query<{ pid: number }>('select pg_backend_pid() as pid')
    this.#pid = rows[0]?.pid ?? 0
  }

  async run(statement: string): Promise<ConsoleResult> {
    this.#isRunning = true
    try {
      return await this.#run(statement)
    } catch (error) {
      if (!this.#isLost) throw error
      throw new TenfoldError('TF_CONNECTION_LOST', `expected the server to answer, got: ${messageOf(error)}`, {
        hint: 'look at "tenfold status", then connect again',
        cause: error,
      })
    } finally {
      this.#isRunning = false
    }
  }

  async cancel(): Promise<void> {
    if (!this.#isRunning) return
    // The connection itself is busy.
    const other = clientFor(this.#options.url)
    other.on('error', () => undefined)
    try {
      await other.connect()
      await other.query('select pg_cancel_backend($1)', [this.#pid])
    } catch {
      // Without a place for another connection the statement goes on; a second wish ends the command.
    } finally {
      await other.end().catch(() => undefined)
    }
  }

  async close(): Promise<void> {
    await this.#client.end().catch(() => undefined)
  }

  #run(text: string): Promise<ConsoleResult> {
    const { rowsMax, isText } = this.#options
    const { promise, resolve, reject } = Promise.withResolvers<ConsoleResult>()
    // The types know arrays of values only for results that are kept whole.
    const config: QueryConfig = Object.assign({ text, ...(isText ? { types: AS_TEXT } : {}) }, { rowMode: 'array' })
    const query = new Query<unknown[]>(config)
    const rows: unknown[][] = []
    let count = 0
    query.on('row', (row) => {
      count++
      if (rows.length < rowsMax) rows.push(row as unknown as unknown[])
    })
    query.on('error', reject)
    query.on('end', ({ command, rowCount, fields }) => {
      const columns = ((fields as FieldDef[] | undefined) ?? []).map(({ name }) => name)
      resolve({ command: command ?? '', columns, rows, rowCount: rowCount ?? count })
    })
    this.#client.query(query)
    return promise
  }
}
