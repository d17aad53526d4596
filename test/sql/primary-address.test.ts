import { describe, expect, test } from 'vitest'
import type { SessionUse } from '../../src/sql/node-link.ts'
import type { PrimaryAddress } from '../../src/sql/primary-address.ts'
import { createPrimaryAddress } from '../../src/sql/primary-address.ts'
import type { Session, SqlResult } from '../../src/sql/session.ts'
import type { FakeSession } from './fake-session.ts'
import { fakeSession, serverError } from './fake-session.ts'

interface Server {
  term?: number
  isInRecovery?: boolean
  isDown?: boolean
}

const use: SessionUse = { isReadOnly: false, isSingleStatement: false, statementTimeoutMs: 0 }

/** Servers by their URL, and what was opened to them. */
function stage(servers: Record<string, Server>, refresh: (place: PrimaryAddress) => void = () => {}) {
  const opened: { url: string; session: FakeSession }[] = []
  const seen = { refreshed: 0 }
  const place = createPrimaryAddress(
    { url: 'postgres://x/one', connectionsMax: 4, term: 2 },
    {
      async connect(url): Promise<Session> {
        const server = servers[url.slice(-3)]
        if (server === undefined || server.isDown === true)
          throw Object.assign(new Error('no'), { code: 'ECONNREFUSED' })
        const session = fakeSession()
        opened.push({ url, session })
        return Object.assign(session, {
          async ask<Row>(text: string): Promise<SqlResult<Row>> {
            if (server.term === undefined && text.includes('tenfold.term')) throw serverError('42P01')
            const row = { follows: server.isInRecovery === true, lsn: '5', term: server.term }
            return { rows: [row as Row], rowCount: 1, command: 'SELECT' }
          },
        })
      },
      async refresh() {
        seen.refreshed++
        refresh(place)
      },
    },
  )
  return { place, opened, seen }
}

describe('the address of a primary', () => {
  test('leads to the primary of its term', async () => {
    const { place, seen } = stage({ one: { term: 2 } })
    expect((await place.open(use)).term).toBe(2)
    expect(seen.refreshed).toBe(0)
  })

  test.each<[string, Server]>([
    ['is of an earlier term', { term: 1 }],
    ['has never heard of terms', {}],
    ['follows another', { term: 2, isInRecovery: true }],
    ['follows another, of a later term', { term: 3, isInRecovery: true }],
  ])('refuses a server that %s, closes the connection and looks for another address', async (_what, server) => {
    const { place, opened, seen } = stage({ one: server })
    await expect(place.open(use)).rejects.toMatchObject({ code: 'TF_NOT_PRIMARY' })
    expect(opened[0]?.session.isClosed).toBe(true)
    expect(seen.refreshed).toBe(1)
  })

  test('looks for another address when the server is down, so that the next attempt goes there', async () => {
    const { place } = stage({ one: { isDown: true }, two: { term: 3 } }, (address) => {
      address.moveTo({ url: 'postgres://x/two', connectionsMax: 4, term: 3 })
    })
    await expect(place.open(use)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    expect((await place.open(use)).term).toBe(3)
  })

  test('that is out of date is looked up again, and given up if another is found', async () => {
    const { place, opened } = stage({ one: { term: 3 }, two: { term: 4 } }, (address) => {
      address.moveTo({ url: 'postgres://x/two', connectionsMax: 4, term: 4 })
    })
    await expect(place.open(use)).rejects.toMatchObject({ code: 'TF_NOT_PRIMARY' })
    await place.open(use)
    expect(opened.at(-1)?.url).toBe('postgres://x/two')
  })

  test('believes a server of a later term if nobody knows another address, and no earlier one ever after', async () => {
    const servers = { one: { term: 5 } }
    const { place } = stage(servers)
    expect((await place.open(use)).term).toBe(5)
    servers.one.term = 4
    await expect(place.open(use)).rejects.toMatchObject({ code: 'TF_NOT_PRIMARY', details: { knownTerm: 5 } })
    expect(place.moveTo({ url: 'postgres://x/two', connectionsMax: 4, term: 4 })).toBe('ignored')
    expect(place.current.url).toBe('postgres://x/one')
  })

  test('without a term is not asked for one', async () => {
    const { place } = stage({ two: { isInRecovery: true } })
    place.moveTo({ url: 'postgres://x/two', connectionsMax: 4 })
    expect(place.hasTerms).toBe(false)
    expect((await place.open(use)).term).toBe(0)
  })

  test('tells what a new one means for the connections that are open', () => {
    const { place } = stage({})
    const one = { url: 'postgres://x/one', connectionsMax: 4 }
    expect(place.moveTo({ ...one, term: 2 })).toBe('same')
    expect(place.moveTo({ ...one, connectionsMax: 5, term: 2 })).toBe('moved')
    expect(place.moveTo({ ...one, url: 'postgres://x/two', term: 2 })).toBe('moved')
    expect(place.moveTo({ ...one, url: 'postgres://x/two', term: 3 })).toBe('new-term')
    expect(place.moveTo({ ...one, term: 2 })).toBe('ignored')
  })
})
