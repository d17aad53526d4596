import { secretToken } from '../core/random.ts'
import { quoteIdentifier } from '../sql/quote-identifier.ts'
import type { Session } from '../sql/session.ts'
import { isPasswordOf, scramVerifier } from './scram-verifier.ts'
import { inTransaction, withSession } from './set-up-session.ts'

/** What a service may do in a database, beside its name. */
export interface ServiceLogin extends Admission {
  readonly password: string
}

/** How a service is let into a database. */
export interface Admission {
  /** Connections of all its instances together. */
  readonly connectionsMax: number
  /** @default its rows */
  readonly may?: readonly ServiceAccess[]
}

/** What services may be let in for: rows of the application's tables, and the ends of topics and queues. */
export type ServiceAccess = 'rows' | 'publish' | 'consume' | 'enqueue' | 'work'

/**
 * The role that holds what services may do; nobody logs in as it. Migrations can take from it what services must not do:
 * `revoke delete on audit from "tenfold.services"`.
 */
export const SERVICES_ROLE = 'tenfold.services'

/** Roles that hold what services may do; who makes the tables of topics and queues grants it to them. */
export const ACCESS_ROLES: Readonly<Record<ServiceAccess, string>> = {
  rows: SERVICES_ROLE,
  publish: 'tenfold.publishers',
  consume: 'tenfold.consumers',
  enqueue: 'tenfold.enqueuers',
  work: 'tenfold.workers',
}

/**
 * A statement that takes a table of the schema `tenfold` from services, which get every new table of the owner. On
 * somebody else's server there is no role to take it from.
 */
export function keepFromServices(table: string): string {
  return `do $$ begin
    if exists (select from pg_roles where rolname = '${SERVICES_ROLE}') then
      revoke all on ${table} from ${quoteIdentifier(SERVICES_ROLE)};
    end if;
  end $$`
}

const PREFIX = 'service.'
/** Belongs to Tenfold, not to the application. */
const OWN_SCHEMA = 'tenfold'

/** The role that a service logs in as. A database's name has no dot, so its owner is never called so. */
export function serviceRoleOf(service: string): string {
  return `${PREFIX}${service}`
}

/**
 * Prepares a database for the roles of services: they may read and write what its owner makes there, now and later, in
 * every schema but `tenfold`. Nobody but they and the owner may connect. Call it before migrations; repeating it changes
 * nothing, so what a migration has revoked stays revoked.
 */
export async function prepareForServices(adminUrl: string, owner: string): Promise<void> {
  await withSession(adminUrl, (session) =>
    inTransaction(session, async () => {
      const { rows } = await session.query<{ role: boolean; done: boolean }>(
        `select exists (select from pg_roles where rolname = $1) as role,
                exists (select from pg_default_acl where defaclrole = $2::regrole and defaclnamespace = 0) as done`,
        [SERVICES_ROLE, quoteIdentifier(owner)],
      )
      const isDone = rows[0]?.done === true
      if (!isDone) await grantByDefault(session, owner, rows[0]?.role === true)
      await createTopicRoles(session, owner, isDone)
    }),
  )
}

async function grantByDefault(session: Session, owner: string, isThere: boolean): Promise<void> {
  const [services, owning] = [quoteIdentifier(SERVICES_ROLE), quoteIdentifier(owner)]
  if (!isThere) await session.query(`create role ${services} nologin`)
  await session.query(`
    revoke connect on database postgres, template1 from public;
    revoke all on database ${owning} from public;
    grant connect on database ${owning} to ${services};
    create schema if not exists ${OWN_SCHEMA} authorization ${owning};
    revoke create on schema public from public;
    grant usage on schema public to ${services};
    alter default privileges for role ${owning} grant usage on schemas to ${services};
    alter default privileges for role ${owning} grant select, insert, update, delete on tables to ${services};
    alter default privileges for role ${owning} grant usage on sequences to ${services};
    alter default privileges for role ${owning} grant execute on routines to ${services};`)
  await grantOnWhatIsThere(session, owner)
}

/** A cluster from before there were topics or queues has none of them, also where the database itself is done. */
async function createTopicRoles(session: Session, owner: string, isDone: boolean): Promise<void> {
  const wanted = Object.values(ACCESS_ROLES).filter((role) => role !== SERVICES_ROLE)
  const { rows } = await session.query<{ name: string }>(
    'select rolname as name from pg_roles where rolname = any ($1)',
    [wanted],
  )
  const present = new Set(rows.map(({ name }) => name))
  for (const name of wanted) {
    const role = quoteIdentifier(name)
    if (!present.has(name)) await session.query(`create role ${role} nologin`)
    if (isDone && present.has(name)) continue
    // The schema for the term, which everybody who connects asks for.
    await session.query(
      `grant connect on database ${quoteIdentifier(owner)} to ${role}; grant usage on schema ${OWN_SCHEMA} to ${role}`,
    )
  }
}

/**
 * Lets exactly these services log in, each with its password and number of connections. Others that could before can't
 * any more, and their sessions end.
 */
export async function setServiceLogins(
  adminUrl: string,
  logins: Readonly<Record<string, ServiceLogin>>,
): Promise<void> {
  await withSession(adminUrl, async (session) => {
    const left = await inTransaction(session, async () => {
      const { rows } = await session.query<StoredRole>(
        `select rolname as name, rolcanlogin as "canLogin", rolconnlimit as "connectionsMax", rolpassword as verifier,
                array(select of.rolname::text from pg_auth_members join pg_roles of on of.oid = roleid
                       where member = pg_authid.oid and of.rolname = any ($2)) as roles
           from pg_authid where starts_with(rolname, $1)`,
        [PREFIX, Object.values(ACCESS_ROLES)],
      )
      const stored = new Map(rows.map((role) => [role.name, role]))
      for (const [service, login] of Object.entries(logins)) {
        const name = serviceRoleOf(service)
        await setLogin(session, name, login, stored.get(name))
        stored.delete(name)
      }
      for (const { name, canLogin, roles } of stored.values()) {
        if (!canLogin) continue
        await session.query(`alter role ${quoteIdentifier(name)} nologin password null`)
        await setRoles(session, name, roles, [])
      }
      return [...stored.keys()]
    })
    if (left.length === 0) return
    // After the commit: a session that ends now can't be followed by another.
    await session.query('select pg_terminate_backend(pid) from pg_stat_activity where usename = any ($1)', [left])
  })
}

interface StoredRole {
  readonly name: string
  readonly canLogin: boolean
  readonly connectionsMax: number
  readonly verifier: string | null
  readonly roles: readonly string[]
}

async function setLogin(
  session: Session,
  name: string,
  { password, connectionsMax, may = ['rows'] }: ServiceLogin,
  stored: StoredRole | undefined,
): Promise<void> {
  const isSame =
    stored?.canLogin === true &&
    stored.connectionsMax === connectionsMax &&
    isPasswordOf(password, stored.verifier ?? '')
  const roles = may.map((access) => ACCESS_ROLES[access])
  if (isSame) return setRoles(session, name, stored.roles, roles)
  const role = quoteIdentifier(name)
  const verifier = scramVerifier(password, Buffer.from(secretToken(16), 'base64url'))
  if (stored === undefined) await session.query(`create role ${role}`)
  await session.query(`alter role ${role} login connection limit ${connectionsMax} password '${verifier}'`)
  await setRoles(session, name, stored?.roles ?? [], roles)
}

async function setRoles(
  session: Session,
  name: string,
  before: readonly string[],
  after: readonly string[],
): Promise<void> {
  const role = quoteIdentifier(name)
  for (const each of after) {
    if (!before.includes(each)) await session.query(`grant ${quoteIdentifier(each)} to ${role}`)
  }
  for (const each of before) {
    if (!after.includes(each)) await session.query(`revoke ${quoteIdentifier(each)} from ${role}`)
  }
}

/** Default privileges are for what comes. A database from before there were roles has tables already. */
async function grantOnWhatIsThere(session: Session, owner: string): Promise<void> {
  const { rows } = await session.query<{ statement: string }>(
    `with own as (
       select oid, nspname from pg_namespace where nspname !~ '^pg_' and nspname not in ('information_schema', $3)
     )
     select format('grant usage on schema %I to %I', nspname, $1::text) as statement
       from own where nspname <> 'public'
     union all
     select format('grant %s on %s %I.%I to %I', case relkind when 'S' then 'usage' else 'select, insert, update, delete' end,
                   case relkind when 'S' then 'sequence' else 'table' end, nspname, relname, $1::text)
       from pg_class join own on own.oid = relnamespace
      where relowner = $2::regrole and relkind in ('r', 'p', 'v', 'm', 'f', 'S')`,
    [SERVICES_ROLE, quoteIdentifier(owner), OWN_SCHEMA],
  )
  for (const { statement } of rows) await session.query(statement)
}
