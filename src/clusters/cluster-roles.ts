import { secretToken } from '../core/random.ts'
import { quoteIdentifier } from '../sql/quote-identifier.ts'
import type { Session } from '../sql/session.ts'
import { REPLICATION_ROLE } from './node-role.ts'
import type { RecordKeeper } from './record-keeper.ts'
import { isPasswordOf, scramVerifier } from './scram-verifier.ts'
import { withSession } from './set-up-session.ts'

/**
 * Makes sure that the database `name` exists and belongs to a role of the same name that is no superuser, with this
 * password. Repeating it changes nothing.
 */
export async function ensureOwnedDatabase(adminUrl: string, name: string, password: string): Promise<void> {
  await withSession(adminUrl, async (admin) => {
    const { rows } = await admin.query<{ role: boolean; database: boolean }>(
      `select exists (select from pg_roles where rolname = $1) as role,
              exists (select from pg_database where datname = $1) as database`,
      [name],
    )
    if (rows[0]?.role !== true) await createRole(admin, name, password)
    if (rows[0]?.database !== true) {
      await admin.query(`create database ${quoteIdentifier(name)} owner ${quoteIdentifier(name)}`)
    }
  })
}

async function createRole(admin: Session, name: string, password: string): Promise<void> {
  const verifier = scramVerifier(password, Buffer.from(secretToken(16), 'base64url'))
  await admin.query(`create role ${quoteIdentifier(name)} login password '${verifier}'`)
}

/** Makes sure that followers can log in, and that the record has their password before the server does. */
export async function ensureReplicationRole(adminUrl: string, database: string, record: RecordKeeper): Promise<void> {
  await record.change((now) => ({ ...now, replicationPassword: now.replicationPassword ?? secretToken() }))
  const password = record.current.replicationPassword!
  await withSession(adminUrl, async (admin) => {
    const { rows } = await admin.query<{ verifier: string | null }>(
      'select rolpassword as verifier from pg_authid where rolname = $1',
      [REPLICATION_ROLE],
    )
    if (rows[0] !== undefined && isPasswordOf(password, rows[0].verifier ?? '')) return
    const role = quoteIdentifier(REPLICATION_ROLE)
    const verifier = scramVerifier(password, Buffer.from(secretToken(16), 'base64url'))
    await admin.query(
      `${rows[0] === undefined ? 'create' : 'alter'} role ${role} login replication password '${verifier}'`,
    )
    await admin.query(`grant connect on database ${quoteIdentifier(database)} to ${role}`)
  })
}
