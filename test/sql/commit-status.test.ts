import { describe, expect, test } from 'vitest'
import { TenfoldError } from '../../src/core/errors.ts'
import type { CommitEvidence } from '../../src/sql/commit-status.ts'
import { formatCommitToken, judgeCommit, sentCommitOf, waitForCommitStatus } from '../../src/sql/commit-status.ts'
import type { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'
import { serverError } from './fake-session.ts'

const sent = { id: 812n, term: 3, lsn: 100n }

describe('what became of a commit', () => {
  test('is told of the transaction that the error names', () => {
    const transaction = formatCommitToken(sent)
    expect(transaction).toBe('3-64-812')
    expect(sentCommitOf(transaction)).toEqual(sent)
    const error = new TenfoldError('TF_COMMIT_INDETERMINATE', 'lost', { details: { transaction } })
    expect(sentCommitOf(error)).toEqual(sent)
    expect(sentCommitOf(new TenfoldError('TF_COMMIT_INDETERMINATE', 'lost'))).toBeUndefined()
    expect(sentCommitOf(new Error('3-64-812'))).toBeUndefined()
  })

  test.each<[string, CommitEvidence, string]>([
    ['the same term says committed', { term: 3, status: 'committed', endLsn: undefined }, 'committed'],
    ['the same term says aborted', { term: 3, status: 'aborted', endLsn: undefined }, 'not-committed'],
    ['the back end has not ended yet', { term: 3, status: 'in progress', endLsn: undefined }, 'in progress'],
    ['the server has forgotten so old an id', { term: 3, status: undefined, endLsn: undefined }, 'unknown'],
    ['the term ended at an unknown place', { term: 4, status: 'committed', endLsn: undefined }, 'unknown'],
    ['the term ended before the COMMIT was sent', { term: 4, status: 'committed', endLsn: 99n }, 'not-committed'],
    ['the term ended later, with it', { term: 4, status: 'committed', endLsn: 100n }, 'committed'],
    ['the term ended later, without it', { term: 5, status: 'aborted', endLsn: 2_000n }, 'not-committed'],
    ['the new primary has never got to that id', { term: 4, status: 'future', endLsn: 100n }, 'not-committed'],
    ['the server is older than the transaction', { term: 2, status: 'committed', endLsn: undefined }, 'unknown'],
  ])('where %s', (_case, seen, expected) => {
    expect(judgeCommit(sent, seen)).toBe(expected)
  })

  test('is asked again while the back end has not ended, for a bounded time', async () => {
    const clock = virtualClock()
    const answers = ['in progress', 'in progress', 'committed'] as const
    let asked = 0
    const ask = (): Promise<string> =>
      waitForCommitStatus('0-64-812', {
        clock,
        hasTerms: false,
        query: async () => ({ rows: [{ status: answers[asked++] ?? 'in progress' }], rowCount: 1, command: 'SELECT' }),
      })
    const status = ask()
    await clock.advance('1s')
    expect(await status).toBe('committed')
    const never = ask()
    await clock.advance('3s')
    expect(await never).toBe('unknown')
  })

  describe('where the server says committed in the same term', () => {
    type Primary = Parameters<typeof waitForCommitStatus>[1]
    const answering = (confirm: () => Promise<void>, terms = [3, 3]): Primary & { clock: VirtualClock } => ({
      clock: virtualClock(),
      hasTerms: true,
      async query(text) {
        if (text.includes('pg_logical_emit_message')) {
          await confirm()
          return { rows: [], rowCount: 1, command: 'SELECT' }
        }
        return {
          rows: [{ status: 'committed', term: terms.shift() ?? 3, endLsn: '99' }],
          rowCount: 1,
          command: 'SELECT',
        }
      },
    })

    test('is that once the standby has it too', async () => {
      let confirmations = 0
      const primary = answering(async () => void confirmations++)
      expect(await waitForCommitStatus('3-64-812', primary)).toBe('committed')
      expect(confirmations).toBe(1)
    })

    test('is unknown while the standby does not confirm it', async () => {
      const primary = answering(() => new Promise(() => {}))
      const status = waitForCommitStatus('3-64-812', primary)
      await primary.clock.advance('3s')
      expect(await status).toBe('unknown')
    })

    test('is what the next primary says if the confirmation was its', async () => {
      expect(
        await waitForCommitStatus(
          '3-64-812',
          answering(async () => {}, [3, 4]),
        ),
      ).toBe('not-committed')
    })
  })

  test('is no commit if the id lies in the future of the server', async () => {
    const status = await waitForCommitStatus('0-64-812', {
      clock: virtualClock(),
      hasTerms: false,
      query: async (text) => {
        if (text.includes('pg_xact_status')) throw serverError('22023')
        return { rows: [{ status: null }], rowCount: 1, command: 'SELECT' }
      },
    })
    expect(status).toBe('not-committed')
  })

  test('is unknown for an error that names no transaction', async () => {
    const query = (): never => {
      throw new Error('asked')
    }
    expect(await waitForCommitStatus(new Error('x'), { clock: virtualClock(), hasTerms: true, query })).toBe('unknown')
  })
})
