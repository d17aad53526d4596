import { describe, expect, test } from 'vitest'
import {
  isCancelledStandbyWait,
  isConflict,
  isFatal,
  isServerError,
  isTransientConnectFailure,
} from '../../src/sql/sql-failure.ts'
import { serverError } from './fake-session.ts'

describe('sql failure', () => {
  test('tells an error of the server from any other', () => {
    expect(isServerError(serverError('23505'))).toBe(true)
    expect(isServerError(Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }))).toBe(false)
  })

  test('repeats serialization failures and deadlocks, and nothing else', () => {
    expect(['40001', '40P01', '23505', '57014', '40003'].map((code) => isConflict(serverError(code)))).toEqual([
      true,
      true,
      false,
      false,
      false,
    ])
  })

  test('waits for a server that is down, starting or full, not for a wrong password', () => {
    const isWorthWaiting = (code: string): boolean => isTransientConnectFailure(serverError(code, 'FATAL'))
    expect(['57P01', '57P03', '53300'].map(isWorthWaiting)).toEqual([true, true, true])
    expect(['28P01', '3D000'].map(isWorthWaiting)).toEqual([false, false])
    expect(isTransientConnectFailure(Object.assign(new Error('x'), { code: 'ECONNREFUSED' }))).toBe(true)
    expect(isTransientConnectFailure(Object.assign(new Error('x'), { code: 'ENOTFOUND' }))).toBe(false)
    expect(isTransientConnectFailure(new Error('Connection terminated unexpectedly'))).toBe(true)
    expect(isTransientConnectFailure(new TypeError('cannot read properties'))).toBe(false)
  })

  test('sees that a session is over', () => {
    expect(isFatal(serverError('57P01', 'FATAL'))).toBe(true)
    expect(isFatal(serverError('23505'))).toBe(false)
  })

  test('recognises a cancelled wait for the standby in any language', () => {
    expect(isCancelledStandbyWait({ message: 'annulation de l’attente', routine: 'SyncRepWaitForLSN' })).toBe(true)
    expect(isCancelledStandbyWait({ message: 'canceling wait for synchronous replication due to user request' })).toBe(
      true,
    )
    expect(isCancelledStandbyWait({ message: 'there is no transaction in progress', routine: 'x' })).toBe(false)
  })
})
