import { expect, test } from 'vitest'
import { guardedSession } from '../../src/sql/guarded-session.ts'
import type { Session, SqlResult } from '../../src/sql/session.ts'
import { fakeSession } from './fake-session.ts'

const GUARD = 'select epoch'

/** A session that has written so many rows, under a guard that says no where it is asked. */
function guarded(rowCount: number): { session: Session; questions: readonly string[] } {
  const inner = fakeSession()
  const session = Object.assign(inner, {
    query: async <Row>(): Promise<SqlResult<Row>> => ({ rows: [], rowCount, command: '' }),
  })
  const accept = (): void => {
    throw new Error('wrong shard')
  }
  return { session: guardedSession(session, { text: GUARD, accept }), questions: inner.questions }
}

test('reads that are sent together are answered for by one question behind them', async () => {
  const { session, questions } = guarded(1)
  const reads = [session.query('select 1'), session.query('select 2')]
  const outcomes = await Promise.allSettled(reads)
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  expect(questions).toEqual([GUARD])
  await expect(session.query('select 3')).rejects.toThrow('wrong shard')
  expect(questions).toHaveLength(2)
})

test('a write that has changed rows is not asked about, one that has changed none is', async () => {
  const some = guarded(1)
  expect((await some.session.query('update t set a = 1')).rowCount).toBe(1)
  expect(some.questions).toEqual([])
  const none = guarded(0)
  await expect(none.session.query('update t set a = 1')).rejects.toThrow('wrong shard')
})

test('what is in a transaction is not asked about', async () => {
  const { session, questions } = guarded(0)
  for (const text of ['begin', 'select 1', 'update t set a = 1', 'commit']) await session.query(text)
  expect(questions).toEqual([])
})
