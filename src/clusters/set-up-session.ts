import type { Session } from '../sql/session.ts'
import { openSession } from '../sql/session.ts'

/**
 * Does `work` on a connection of its own, for the statements that set a cluster up. They wait for no standby: there may be
 * none yet, and they are repeated at each start and after each promotion.
 */
export async function withSession<Result>(url: string, work: (session: Session) => Promise<Result>): Promise<Result> {
  const session = await openSession({
    url,
    applicationName: 'tenfold set-up',
    connectTimeoutMs: 5_000,
    statementTimeoutMs: 60_000,
  })
  try {
    await session.query('set synchronous_commit = local')
    return await work(session)
  } finally {
    await session.close()
  }
}

/** Does `work` whole or not at all. When it throws, the connection is not good for anything else but closing it. */
export async function inTransaction<Result>(session: Session, work: () => Promise<Result>): Promise<Result> {
  await session.query('begin')
  const result = await work()
  await session.query('commit')
  return result
}
