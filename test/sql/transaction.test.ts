import diagnostics from 'node:diagnostics_channel'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { TenfoldError } from '../../src/core/errors.ts'
import { seededRandom } from '../../src/core/random.ts'
import { createConnectionPool } from '../../src/sql/connection-pool.ts'
import type { Transaction, TransactionOptions } from '../../src/sql/transaction.ts'
import { beginStatement, retryPauseMs, runTransaction } from '../../src/sql/transaction.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'
import type { FakeSession } from './fake-session.ts'
import { fakeSession, serverError } from './fake-session.ts'

/** Runs a transaction against a server that answers as `answer` says. */
async function run<R>(
  answer: Parameters<typeof fakeSession>[0],
  work: (tx: Transaction<unknown>) => Promise<R>,
  options?: TransactionOptions,
): Promise<{ outcome: R | unknown; statements: readonly string[]; sessions: readonly FakeSession[] }> {
  const clock = virtualClock()
  const sessions: FakeSession[] = []
  const pool = createConnectionPool({
    database: 'orders',
    connectionsMax: 1,
    waitingMax: 1,
    acquireTimeoutMs: 1_000,
    idleTimeoutMs: 1_000,
    clock,
    async open() {
      const session = fakeSession(answer)
      sessions.push(session)
      return session
    },
  })
  const result = runTransaction({ database: {}, pool, clock, random: seededRandom(1) }, work, options).catch(
    (error: unknown) => error,
  )
  await clock.advance(10_000)
  const outcome = await result
  expect(pool.stats().busy).toBe(0)
  return { outcome, statements: sessions.flatMap(({ statements }) => statements), sessions }
}

/** Fails the first `times` statements that match. */
function failing(pattern: RegExp, error: () => unknown, times: number): (text: string) => undefined {
  return (text) => {
    if (pattern.test(text) && times-- > 0) throw error()
    return undefined
  }
}

describe('transaction', () => {
  test('commits and returns what the work returns', async () => {
    const { outcome, statements } = await run(undefined, async (tx) => {
      await tx.query('insert')
      return 42
    })
    expect(outcome).toBe(42)
    expect(statements).toEqual(['begin', 'insert', 'commit'])
  })

  test('rolls back and passes the error on when the work throws', async () => {
    const failure = new Error('no stock')
    const { outcome, statements } = await run(undefined, () => Promise.reject(failure))
    expect(outcome).toBe(failure)
    expect(statements).toEqual(['begin', 'rollback'])
  })

  test.each(['40001', '40P01'])('runs the work again after %s', async (code) => {
    const { outcome, statements } = await run(
      failing(/update/, () => serverError(code), 2),
      async (tx) => {
        await tx.query('update')
        return 'done'
      },
    )
    expect(outcome).toBe('done')
    expect(statements.filter((text) => text === 'begin')).toHaveLength(3)
  })

  test('runs the work again after a serialization failure that COMMIT reports', async () => {
    const { outcome } = await run(
      failing(/commit/, () => serverError('40001'), 1),
      async () => 'done',
    )
    expect(outcome).toBe('done')
  })

  test('gives up after the retries that were asked for', async () => {
    const failure = serverError('40001')
    const { outcome, statements } = await run(
      failing(/update/, () => failure, 99),
      (tx) => tx.query('update'),
      {
        retries: 1,
      },
    )
    expect(outcome).toBe(failure)
    expect(statements.filter((text) => text === 'begin')).toHaveLength(2)
  })

  test('does not repeat work that failed for a reason of its own', async () => {
    const failure = serverError('23505')
    const { outcome, statements } = await run(
      failing(/insert/, () => failure, 1),
      (tx) => tx.query('insert'),
    )
    expect(outcome).toBe(failure)
    expect(statements).toEqual(['begin', 'insert', 'rollback'])
  })

  test('takes another connection when the first one turns out to be dead before COMMIT', async () => {
    let isFirst = true
    const { outcome, sessions } = await run(
      (text, session) => {
        if (text !== 'begin' || !isFirst) return undefined
        isFirst = false
        session.lose()
        throw new TenfoldError('TF_CONNECTION_LOST', 'lost')
      },
      async () => 'done',
    )
    expect(outcome).toBe('done')
    expect(sessions).toHaveLength(2)
  })

  test('neither succeeds nor repeats when the connection is lost during COMMIT', async () => {
    let runs = 0
    const { outcome, sessions } = await run(
      (text, session) => {
        if (text !== 'commit') return undefined
        session.lose()
        throw new TenfoldError('TF_CONNECTION_LOST', 'lost')
      },
      async () => ++runs,
    )
    expect(outcome).toMatchObject({ code: 'TF_COMMIT_INDETERMINATE' })
    expect(runs).toBe(1)
    expect(sessions[0]?.isClosed).toBe(true)
  })

  test('neither succeeds nor repeats when the wait for the standby was cancelled', async () => {
    let runs = 0
    const cancelled = (): TenfoldError => new TenfoldError('TF_COMMIT_INDETERMINATE', 'cancelled')
    const { outcome, sessions } = await run(failing(/commit/, cancelled, 9), async () => ++runs)
    expect(outcome).toMatchObject({ code: 'TF_COMMIT_INDETERMINATE' })
    expect(runs).toBe(1)
    expect(sessions[0]?.isClosed).toBe(true)
  })

  test('does not take a COMMIT that rolled back for success', async () => {
    const { outcome } = await run(
      (text) => (text === 'commit' ? 'ROLLBACK' : undefined),
      async () => 'done',
    )
    expect(outcome).toMatchObject({ code: 'TF_TRANSACTION_ABORTED' })
  })

  test('runs what waits for the commit after it, in order, and only then', async () => {
    const seen: string[] = []
    const { statements } = await run(undefined, async (tx) => {
      tx.afterCommit(() => void seen.push('first'))
      tx.afterCommit(async () => void seen.push('second'))
      expect(seen).toEqual([])
    })
    expect(statements.at(-1)).toBe('commit')
    expect(seen).toEqual(['first', 'second'])
  })

  test('does not run what waits for a commit that did not happen', async () => {
    const seen: string[] = []
    await run(undefined, async (tx) => {
      tx.afterCommit(() => void seen.push('ran'))
      throw new Error('no')
    })
    await run(
      failing(/commit/, () => serverError('23503'), 1),
      async (tx) => tx.afterCommit(() => void seen.push('ran')),
    )
    expect(seen).toEqual([])
  })

  test('is committed even if something after it fails, and says so on a channel', async () => {
    const failures: unknown[] = []
    const listen = (message: unknown): void => void failures.push(message)
    diagnostics.subscribe('tenfold:sql:after-commit-failed', listen)
    const error = new Error('cache is away')
    const { outcome } = await run(undefined, async (tx) => {
      tx.afterCommit(() => Promise.reject(error))
      return 'done'
    })
    diagnostics.unsubscribe('tenfold:sql:after-commit-failed', listen)
    expect(outcome).toBe('done')
    expect(failures).toEqual([{ error }])
  })

  test('refuses to be used after its work has returned', async () => {
    let leaked: Transaction<unknown> | undefined
    await run(undefined, async (tx) => void (leaked = tx))
    await expect(leaked?.query('select 1')).rejects.toMatchObject({ code: 'TF_TRANSACTION_ENDED' })
    expect(() => leaked?.afterCommit(() => {})).toThrow(expect.objectContaining({ code: 'TF_TRANSACTION_ENDED' }))
  })

  test('begins with the isolation and the access that were asked for', () => {
    expect(beginStatement({})).toBe('begin')
    expect(beginStatement({ isolation: 'serializable', isReadOnly: true })).toBe(
      'begin isolation level serializable read only',
    )
  })

  test('pauses between retries at random, below a ceiling that doubles up to 250 ms', () => {
    fc.assert(
      fc.property(fc.nat(60), fc.nat(), (attempt, seed) => {
        const pauseMs = retryPauseMs(attempt, seededRandom(seed))
        expect(pauseMs).toBeGreaterThanOrEqual(0)
        expect(pauseMs).toBeLessThanOrEqual(Math.min(250, 5 * 2 ** attempt))
      }),
    )
  })
})
