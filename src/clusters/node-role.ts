import { join } from 'node:path'
import { appendFile, readFile } from 'node:fs/promises'
import type { ChildUser } from '../core/child-user.ts'
import { writeFileDurably } from '../core/durable-file.ts'

/** What a node is told of the others, beside what it is told on its command line. */
export interface NodeRole {
  /** Whose confirmation COMMIT waits for, should the node take writes: nobody, the first of the list that is there. */
  readonly waitsFor: readonly number[]
  /** Whom it copies the log of; undefined: nobody, since it takes writes. */
  readonly follows?: Upstream | undefined
}

/** A node that another one copies the log of. */
export interface Upstream {
  readonly port: number
  readonly password: string
  readonly database: string
  /** Whether it has a slot for whoever follows it. @default true */
  readonly hasSlot?: boolean
}

/** The role that followers log in as. A database's name has no dot, so its owner is never called so. */
export const REPLICATION_ROLE = 'tenfold.replication'

const FILE = 'tenfold.conf'
const INCLUDE = `include_if_exists = '${FILE}'`

/** What a node is called in the replication status of its primary; its slot there is called so, too. */
export function followerName(node: number): string {
  return `tenfold_${node}`
}

/** `synchronous_standby_names`: COMMIT waits for any one of them, or for nobody. */
export function standbyNames(waitsFor: readonly number[]): string {
  return waitsFor.length === 0 ? '' : `ANY 1 (${waitsFor.map(followerName).join(', ')})`
}

/** The settings that change while a server runs. Pure. */
export function roleSettings(node: number, { waitsFor, follows }: NodeRole): string {
  const settings: readonly (readonly [string, string])[] = [
    ['synchronous_standby_names', standbyNames(waitsFor)],
    // What a logical slot hands out is on the node that may be promoted: its readers are never ahead of the cluster.
    ['synchronized_standby_slots', waitsFor.length === 1 ? followerName(waitsFor[0]!) : ''],
    ['primary_slot_name', follows === undefined || follows.hasSlot === false ? '' : followerName(node)],
    ['primary_conninfo', follows === undefined ? '' : connectionText(node, follows)],
  ]
  return settings.map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`).join('')
}

/**
 * Writes the settings of a node durably; a running server has to be told to read them. They are in a file of their own
 * that is read by the node's user only, since it holds a password.
 */
export async function writeRole(
  dataDirectory: string,
  node: number,
  role: NodeRole,
  user: ChildUser | undefined,
): Promise<void> {
  await writeFileDurably(join(dataDirectory, FILE), roleSettings(node, role), { owner: user })
  const main = join(dataDirectory, 'postgresql.conf')
  if ((await readFile(main, 'utf8')).includes(INCLUDE)) return
  await appendFile(main, `\n# What Tenfold tells this node of the others.\n${INCLUDE}\n`, { flush: true })
}

function connectionText(node: number, { port, password, database }: Upstream): string {
  return Object.entries({
    host: '127.0.0.1',
    port,
    user: REPLICATION_ROLE,
    password,
    // Only for logical slots, which are copied by a session in this database.
    dbname: database,
    application_name: followerName(node),
  })
    .map(([key, value]) => `${key}='${value}'`)
    .join(' ')
}
