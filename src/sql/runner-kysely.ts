import { createRequire } from 'node:module'
import type {
  CompiledQuery,
  ConnectionProvider,
  DatabaseConnection,
  Dialect,
  DialectAdapter,
  Driver,
  Kysely,
  QueryCompiler,
  QueryResult,
  RootOperationNode,
} from 'kysely'
import { TenfoldError } from '../core/errors.ts'
import { quoteIdentifier } from './quote-identifier.ts'
import type { SqlResult } from './session.ts'

/** Whatever runs statements: a connection of the pool or a transaction. */
interface StatementRunner {
  query<Row>(text: string, values?: readonly unknown[]): Promise<SqlResult<Row>>
}

/**
 * Kysely on whatever runs statements: a key, a view, a transaction that is open. Made for each of them anew, so it is made of
 * parts that they share, and has no pool to ask for connections. Its `transaction()` is refused.
 *
 * @throws TF_PEER_MISSING
 */
export function runnerKysely<Tables>(runner: StatementRunner): Kysely<Tables> {
  return kyselyOn<Tables>(new RunnerOnly(runner))
}

/**
 * Kysely for whoever wants to see a query as a tree before anything is run, and gives its rows.
 *
 * @param run is given also what makes a statement of a tree
 * @throws TF_PEER_MISSING
 */
export function treeKysely<Tables>(
  run: (tree: RootOperationNode, compile: CompileTree) => Promise<unknown[]>,
): Kysely<Tables> {
  return kyselyOn<Tables>(new TreeOnly(run))
}

/** Makes a statement of a tree. */
export type CompileTree = (tree: RootOperationNode) => Pick<CompiledQuery, 'sql' | 'parameters'>

let shared: { readonly compiler: QueryCompiler; readonly adapter: DialectAdapter } | undefined

function sharedParts(): NonNullable<typeof shared> {
  const kysely = loadKysely()
  return (shared ??= { compiler: new kysely.PostgresQueryCompiler(), adapter: new kysely.PostgresAdapter() })
}

function kyselyOn<Tables>(connection: DatabaseConnection): Kysely<Tables> {
  const kysely = loadKysely()
  const { compiler, adapter } = sharedParts()
  const driver = new RunnerDriver(connection)
  const provider: ConnectionProvider = { provideConnection: (consumer) => consumer(connection) }
  const executor = new kysely.DefaultQueryExecutor(compiler, adapter, provider)
  const dialect = dialectOf(driver)
  return new kysely.Kysely<Tables>({ config: { dialect }, dialect, driver, executor })
}

type KyselyModule = typeof import('kysely')

let loaded: KyselyModule | undefined

/** Late and synchronous: a service that writes its SQL by hand never pays for a query builder. */
export function loadKysely(): KyselyModule {
  if (loaded !== undefined) return loaded
  try {
    loaded = createRequire(import.meta.url)('kysely') as KyselyModule
    return loaded
  } catch (cause) {
    throw new TenfoldError(
      'TF_PEER_MISSING',
      'expected the package kysely to be installed: `db` is a Kysely query builder',
      {
        hint: 'run "npm install kysely", or use query(text, values)',
        details: { package: 'kysely' },
        cause,
      },
    )
  }
}

/** @throws TF_PEER_MISSING */
export function dialectOf(driver: Driver): Dialect {
  const kysely = loadKysely()
  return {
    createAdapter: () => new kysely.PostgresAdapter(),
    createDriver: () => driver,
    createIntrospector: (db) => new kysely.PostgresIntrospector(db),
    createQueryCompiler: () => new kysely.PostgresQueryCompiler(),
  }
}

/** A connection of Kysely that runs statements as somebody else does. */
export abstract class RunnerConnection implements DatabaseConnection {
  abstract run<Row>(text: string, values?: readonly unknown[]): Promise<SqlResult<Row>>

  async executeQuery<R>(compiled: CompiledQuery): Promise<QueryResult<R>> {
    const { rows, rowCount, command } = await this.run<R>(compiled.sql, compiled.parameters)
    const isWrite = command === 'INSERT' || command === 'UPDATE' || command === 'DELETE' || command === 'MERGE'
    return isWrite ? { rows: rows ?? [], numAffectedRows: BigInt(rowCount) } : { rows: rows ?? [] }
  }

  // oxlint-disable-next-line require-yield
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new TenfoldError('TF_NOT_IMPLEMENTED', 'expected a query that returns whole, but stream() is not available', {
      hint: 'read in pages: where the key is greater than the last one seen, with a limit',
    })
  }
}

/** What drivers have in common. */
export abstract class SavepointDriver {
  async init(): Promise<void> {}

  async savepoint(connection: DatabaseConnection, name: string): Promise<void> {
    await runnerOf(connection).run(`savepoint ${quoteIdentifier(name)}`)
  }

  async rollbackToSavepoint(connection: DatabaseConnection, name: string): Promise<void> {
    await runnerOf(connection).run(`rollback to savepoint ${quoteIdentifier(name)}`)
  }

  async releaseSavepoint(connection: DatabaseConnection, name: string): Promise<void> {
    await runnerOf(connection).run(`release savepoint ${quoteIdentifier(name)}`)
  }
}

class RunnerOnly extends RunnerConnection {
  readonly #runner: StatementRunner

  constructor(runner: StatementRunner) {
    super()
    this.#runner = runner
  }

  run<Row>(text: string, values?: readonly unknown[]): Promise<SqlResult<Row>> {
    return this.#runner.query<Row>(text, values)
  }
}

class TreeOnly extends RunnerConnection {
  readonly #run: (tree: RootOperationNode, compile: CompileTree) => Promise<unknown[]>

  constructor(run: (tree: RootOperationNode, compile: CompileTree) => Promise<unknown[]>) {
    super()
    this.#run = run
  }

  override async executeQuery<R>({ query, queryId }: CompiledQuery): Promise<QueryResult<R>> {
    const { compiler } = sharedParts()
    const rows = await this.#run(query, (tree) => compiler.compileQuery(tree, queryId))
    return { rows: rows as R[] }
  }

  run(): never {
    throw new Error('it is asked by its tree')
  }
}

class RunnerDriver extends SavepointDriver implements Driver {
  readonly #connection: DatabaseConnection

  constructor(connection: DatabaseConnection) {
    super()
    this.#connection = connection
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    return this.#connection
  }

  async beginTransaction(): Promise<void> {
    throw new TenfoldError('TF_TRANSACTION_NESTED', 'expected one transaction, but another was begun inside it', {
      hint: 'use the db of the transaction you are in, without transaction()',
    })
  }

  async commitTransaction(): Promise<void> {}

  async rollbackTransaction(): Promise<void> {}

  async releaseConnection(): Promise<void> {}

  async destroy(): Promise<void> {}
}

export function runnerOf(connection: DatabaseConnection): RunnerConnection {
  return connection as RunnerConnection
}
