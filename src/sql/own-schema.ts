import type { ErrorCode } from '../core/error-codes.ts'
import { TenfoldError } from '../core/errors.ts'
import { quoteIdentifier } from './quote-identifier.ts'
import type { SqlResult } from './session.ts'

/** A schema of ours beside those of the application, in a database that is theirs. */
export interface OwnSchema {
  readonly name: string
  /** What it is for: `'topics'`. */
  readonly what: string
  /** Statements by version, from 1. Never change one that has been released: add the next. */
  readonly versions: readonly string[]
  /** When a later version of Tenfold has written it. */
  readonly tooNew: ErrorCode
}

/** Privileges by table, or by `'sequence …'`, of the schema: `{ log: 'select, insert', 'sequence event_id': 'usage' }`. */
export type Rights = Readonly<Record<string, string>>

interface Runner {
  query<Row = Record<string, unknown>>(text: string, values?: readonly unknown[]): Promise<SqlResult<Row>>
}

interface Database extends Runner {
  transaction<Result>(work: (tx: Runner) => Promise<Result>): Promise<Result>
}

/**
 * Creates what is missing, or changes it to what this version needs, one at a time. Run it as the database's owner.
 *
 * @throws the error that the schema names: a later version has written it
 */
export async function installSchema(database: Database, schema: OwnSchema): Promise<void> {
  const { name, what, versions } = schema
  await database.transaction(async (tx) => {
    await lock(tx, name)
    await tx.query(`create schema if not exists ${name}`)
    await tx.query(`create table if not exists ${name}.layout (version int not null)`)
    const { rows } = await tx.query<{ version: number | null }>(`select max(version) as version from ${name}.layout`)
    const present = rows[0]?.version ?? 0
    if (present > versions.length) {
      throw new TenfoldError(
        schema.tooNew,
        `expected the layout of ${what} to be version ${versions.length} at most, got ${present}`,
        { hint: 'use the version of tenfold that has written it, or a later one' },
      )
    }
    for (let version = present; version < versions.length; version++) {
      await tx.query(versions[version] as string)
      await tx.query(`insert into ${name}.layout values ($1)`, [version + 1])
    }
  })
}

/**
 * Lets roles do what they have to in the schema, and `others` nothing. Roles that are not there are left out, since on
 * somebody else's server everybody is the owner. Run it as the owner of the database; repeating it changes nothing.
 *
 * @param others gets what the owner of the database makes, by default
 */
export async function grantSchema(
  database: Database,
  schema: string,
  { others, rights }: { readonly others: string; readonly rights: readonly (readonly [role: string, Rights])[] },
): Promise<void> {
  const { rows } = await database.query<{ name: string }>(
    'select rolname as name from pg_roles where rolname = any ($1)',
    [[others, ...rights.map(([role]) => role)]],
  )
  const present = new Set(rows.map(({ name }) => name))
  const statements = [
    ...(present.has(others) ? refusals(schema, others) : []),
    ...rights.flatMap(([role, its]) => (present.has(role) ? grants(schema, role, its) : [])),
  ]
  if (statements.length === 0) return
  await database.transaction(async (tx) => {
    await lock(tx, schema)
    for (const statement of statements) await tx.query(statement)
  })
}

/** Two that grant at once would be told that a row of the catalog has changed. */
async function lock(tx: Runner, schema: string): Promise<void> {
  await tx.query(`select pg_advisory_xact_lock(hashtextextended('${schema}', 0))`)
}

function refusals(schema: string, role: string): readonly string[] {
  return ['schema', 'all tables in schema', 'all sequences in schema'].map(
    (what) => `revoke all on ${what} ${schema} from ${quoteIdentifier(role)}`,
  )
}

function grants(schema: string, role: string, rights: Rights): readonly string[] {
  const to = quoteIdentifier(role)
  return [
    `grant usage on schema ${schema} to ${to}`,
    ...Object.entries(rights).map(([object, privileges]) => {
      const [kind, name] = object.startsWith('sequence ') ? ['sequence ', object.slice(9)] : ['', object]
      return `grant ${privileges} on ${kind}${schema}.${name} to ${to}`
    }),
  ]
}
