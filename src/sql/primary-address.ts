import { TenfoldError } from '../core/errors.ts'
import type { SessionUse } from './node-link.ts'
import { askTerm, judgePrimary, notPrimary } from './primary-check.ts'
import type { Session } from './session.ts'

/** Where a database is, and how many connections one process may hold to each of its nodes. */
export interface DatabaseAddress {
  /** The primary: `postgres://user:password@host:port/database` */
  readonly url: string
  readonly connectionsMax: number
  /** Which primary this is; see `ShardBinding.term`. Absent: any server at the address will do. */
  readonly term?: number | undefined
  /** Nodes that take reads. */
  readonly replicas?: readonly { readonly url: string }[] | undefined
}

/** Opens sessions to whatever is the primary now, and refuses every server that is not. */
export interface PrimaryAddress {
  readonly current: DatabaseAddress
  /** Whether the servers of this database count their terms. */
  readonly hasTerms: boolean
  /**
   * @throws TF_NOT_PRIMARY the server follows another one, or is of a term that is over
   * @throws what the server or the system said
   */
  open(use: SessionUse): Promise<Session>
  /**
   * Takes a new address; one of an earlier term than is known is ignored.
   *
   * @returns what it means for the sessions that are open
   */
  moveTo(next: DatabaseAddress): 'ignored' | 'same' | 'moved' | 'new-term'
}

/** @see createPrimaryAddress */
export interface PrimaryAddressOptions {
  connect(url: string, use: SessionUse): Promise<Session>
  /** Looks for a new address, and calls `moveTo` if there is one, before it resolves. */
  refresh(): Promise<void>
}

/** Asks each server at the address for its term, if the address has one. */
export function createPrimaryAddress(
  first: DatabaseAddress,
  { connect, refresh }: PrimaryAddressOptions,
): PrimaryAddress {
  let current = first
  /** The latest that an address or a server has told; it never goes back. */
  let knownTerm = first.term ?? 0

  async function verify(session: Session): Promise<void> {
    const seen = await askTerm(session)
    const verdict = judgePrimary(knownTerm, seen)
    if (verdict.kind === 'refused') throw notPrimary(databaseOf(current.url), knownTerm, verdict.reason)
    if (verdict.kind === 'newer') {
      const { url } = current
      await refresh()
      if (current.url !== url) throw notPrimary(databaseOf(url), knownTerm, 'a server that had been the primary before')
      // The server knows better than whoever wrote the address: it has been promoted, and nobody could tell us yet.
      knownTerm = Math.max(knownTerm, seen.term)
    }
    session.term = seen.term
  }

  return {
    get current() {
      return current
    },
    get hasTerms() {
      return current.term !== undefined
    },
    async open(use) {
      let session: Session | undefined
      try {
        session = await connect(current.url, use)
        if (current.term !== undefined) await verify(session)
        return session
      } catch (error) {
        void session?.close()
        await refresh()
        throw error
      }
    },
    moveTo(next) {
      databaseOf(next.url)
      if (next.term !== undefined && next.term < knownTerm) return 'ignored'
      const isElsewhere = next.url !== current.url
      const isNewTerm = (next.term ?? 0) > (isElsewhere ? (current.term ?? 0) : knownTerm)
      const isSame = !isElsewhere && next.connectionsMax === current.connectionsMax
      current = next
      knownTerm = Math.max(knownTerm, next.term ?? 0)
      if (isNewTerm) return 'new-term'
      return isSame ? 'same' : 'moved'
    },
  }
}

/** The name of the database that a URL leads to. @throws TF_DATABASE_URL_INVALID */
export function databaseOf(url: string): string {
  if (!/^postgres(ql)?:\/\//.test(url) || !URL.canParse(url)) {
    // The URL itself may hold a password, so it is not repeated.
    throw new TenfoldError(
      'TF_DATABASE_URL_INVALID',
      'expected a URL such as postgres://user:password@host:5432/database',
      {
        hint: 'check the variable that holds the URL; special characters in the password must be percent-encoded',
      },
    )
  }
  return decodeURIComponent(new URL(url).pathname.slice(1)) || 'postgres'
}
