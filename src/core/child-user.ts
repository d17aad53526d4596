import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { TenfoldError } from './errors.ts'

/** The unprivileged account that children run as when we are root. */
export interface ChildUser {
  readonly name: string
  readonly uid: number
  readonly gid: number
}

/** In order of preference: `nobody` is shared with strangers' daemons, `postgres` is made for what we run. */
const CANDIDATES = ['postgres', 'nobody']

/** Where to look; for tests. */
export interface ChildUserOptions {
  /** Our effective user id. @default the real one */
  uid?: number | undefined
  /** @default '/etc/passwd' */
  passwdFile?: string
}

/**
 * The account for children: undefined when we are not root, and they run as we do. PostgreSQL refuses to run as root,
 * and as a user that has no line in the account file.
 *
 * @throws TF_CHILD_USER_MISSING when we are root and the machine has neither `postgres` nor `nobody`
 * @example findChildUser() // { name: 'postgres', uid: 101, gid: 104 } as root with PostgreSQL's account
 */
export function findChildUser(options: ChildUserOptions = {}): ChildUser | undefined {
  const uid = 'uid' in options ? options.uid : process.geteuid?.()
  if (uid !== 0) return undefined
  const passwdFile = options.passwdFile ?? '/etc/passwd'
  const users = parsePasswd(readFileSync(passwdFile, 'utf8'))
  for (const name of CANDIDATES) {
    const user = users.find((candidate) => candidate.name === name)
    if (user !== undefined && user.uid !== 0) return user
  }
  throw new TenfoldError(
    'TF_CHILD_USER_MISSING',
    `expected an account ${CANDIDATES.join(' or ')} in ${passwdFile} to run children as, got none`,
    { hint: 'create one (useradd --system postgres), or start Tenfold as an ordinary user' },
  )
}

/** The accounts of a passwd(5) file; lines that are none are skipped. */
export function parsePasswd(text: string): readonly ChildUser[] {
  return text.split('\n').flatMap((line) => {
    const [name = '', , uid = '', gid = ''] = line.split(':')
    if (name === '' || name.startsWith('#') || !/^-?\d+$/.test(uid) || !/^-?\d+$/.test(gid)) return []
    // macOS writes nobody's -2, which the system calls take as an unsigned number.
    return [{ name, uid: Number(uid) >>> 0, gid: Number(gid) >>> 0 }]
  })
}

/**
 * Whether a user may do something with a path, found out by trying as that user: permissions of every directory above,
 * ACLs, read-only mounts and container rules count as they are. False for a path that does not exist. Execution of a
 * directory means entering it.
 *
 * @param user undefined: as ourselves
 * @example await canAccess(findChildUser(), '/root/project', 'execute') // false
 */
export function canAccess(
  user: ChildUser | undefined,
  path: string,
  mode: 'read' | 'write' | 'execute',
): Promise<boolean> {
  const identity = user === undefined ? {} : { uid: user.uid, gid: user.gid }
  const test = { read: '-r', write: '-w', execute: '-x' }[mode]
  return new Promise((resolve) => {
    const probe = spawn('/bin/sh', ['-c', `[ ${test} "$1" ]`, 'probe', path], {
      cwd: '/',
      env: {},
      stdio: 'ignore',
      ...identity,
    })
    probe.once('error', () => resolve(false))
    probe.once('exit', (code) => resolve(code === 0))
  })
}
