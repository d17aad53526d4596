import { describe, expect, test } from 'vitest'
import { connectDatabase } from '../../src/sql/database.ts'
import { quoteIdentifier } from '../../src/sql/quote-identifier.ts'
import { messageOf } from '../../src/core/errors.ts'

describe('database', () => {
  test('refuses what is not a PostgreSQL URL without repeating it, since it may hold a password', () => {
    const connect = (): unknown => connectDatabase({ url: 'mysql://me:hunter2@host/db', connectionsMax: 1 })
    expect(connect).toThrow(expect.objectContaining({ code: 'TF_DATABASE_URL_INVALID' }))
    try {
      connect()
    } catch (error) {
      expect(messageOf(error) + JSON.stringify(error)).not.toContain('hunter2')
    }
  })

  test.each([0, -1, 1.5, Number.NaN])('refuses a pool of %d connections', (connectionsMax) => {
    expect(() => connectDatabase({ url: 'postgres://u@localhost/db', connectionsMax })).toThrow(
      expect.objectContaining({ code: 'TF_OPTION_INVALID' }),
    )
  })

  test('connects only when it is used', async () => {
    const database = connectDatabase({ url: 'postgres://u@localhost:1/db', connectionsMax: 1 })
    expect(database.stats()).toEqual({ size: 0, busy: 0, idle: 0, waiting: 0, laneInFlight: 0 })
    await database.end()
  })

  test('quotes names whatever is in them', () => {
    expect(quoteIdentifier('a"b; drop')).toBe('"a""b; drop"')
  })
})
