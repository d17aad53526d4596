import diagnostics from 'node:diagnostics_channel'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { ConnectionPool, PoolOptions } from '../../src/sql/connection-pool.ts'
import { createConnectionPool } from '../../src/sql/connection-pool.ts'
import type { PoolEvent } from '../../src/sql/pool-event.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'
import type { FakeSession } from './fake-session.ts'
import { fakeSession, serverError } from './fake-session.ts'

let clock: ReturnType<typeof virtualClock>
let opened: FakeSession[]

beforeEach(() => {
  clock = virtualClock()
  opened = []
})

function poolOf(options: Partial<PoolOptions> = {}): ConnectionPool {
  return createConnectionPool({
    database: 'orders',
    connectionsMax: 2,
    waitingMax: 3,
    acquireTimeoutMs: 1_000,
    idleTimeoutMs: 30_000,
    clock,
    async open() {
      const session = fakeSession()
      opened.push(session)
      return session
    },
    ...options,
  })
}

describe('connection pool', () => {
  test('opens connections when they are needed and reuses the last one that came back', async () => {
    const pool = poolOf()
    const first = await pool.acquire()
    const second = await pool.acquire()
    expect(pool.stats()).toEqual({ size: 2, busy: 2, idle: 0, waiting: 0 })
    pool.release(first)
    pool.release(second)
    expect(await pool.acquire()).toBe(second)
    expect(pool.stats()).toEqual({ size: 2, busy: 1, idle: 1, waiting: 0 })
    expect(opened).toHaveLength(2)
  })

  test('hands a connection to whoever waits longest', async () => {
    const pool = poolOf({ connectionsMax: 1 })
    const session = await pool.acquire()
    const order: string[] = []
    const waits = ['first', 'second'].map(async (name) => {
      const got = await pool.acquire()
      order.push(name)
      pool.release(got)
    })
    expect(pool.stats().waiting).toBe(2)
    pool.release(session)
    await Promise.all(waits)
    expect(order).toEqual(['first', 'second'])
  })

  test('tells a caller no after the time-out, with the numbers', async () => {
    const pool = poolOf()
    await pool.acquire()
    await pool.acquire()
    const late = pool.acquire().catch((error: unknown) => error)
    await clock.advance(1_000)
    expect(await late).toMatchObject({
      code: 'TF_POOL_EXHAUSTED',
      details: { database: 'orders', connectionsMax: 2, busy: 2, waiting: 0, waitMs: 1_000 },
    })
    expect(pool.stats().waiting).toBe(0)
  })

  test('refuses a caller at once when the queue is full', async () => {
    const pool = poolOf({ waitingMax: 1, connectionsMax: 1 })
    const session = await pool.acquire()
    const waiting = pool.acquire()
    await expect(pool.acquire()).rejects.toMatchObject({ code: 'TF_POOL_EXHAUSTED' })
    pool.release(session)
    expect(await waiting).toBe(session)
  })

  test('gives the place of a connection that is gone to whoever waits', async () => {
    const pool = poolOf({ connectionsMax: 1 })
    const session = (await pool.acquire()) as FakeSession
    const waiting = pool.acquire()
    session.lose()
    pool.release(session)
    expect(await waiting).toBe(opened[1])
    expect(session.isClosed).toBe(true)
    expect(pool.stats()).toEqual({ size: 1, busy: 1, idle: 0, waiting: 0 })
  })

  test('forgets an idle connection that goes away', async () => {
    const pool = poolOf()
    const session = (await pool.acquire()) as FakeSession
    pool.release(session)
    session.lose()
    expect(pool.stats().size).toBe(0)
    expect(await pool.acquire()).toBe(opened[1])
  })

  test('asks a connection that was idle for long whether it lives, and replaces a dead one', async () => {
    let isDead = false
    const pool = poolOf({
      async open() {
        const session = fakeSession(() => {
          if (isDead) throw new Error('gone')
          return undefined
        })
        opened.push(session)
        return session
      },
    })
    pool.release(await pool.acquire())
    await clock.advance(999)
    pool.release(await pool.acquire())
    expect(opened[0]?.questions).toEqual([])
    await clock.advance(1_000)
    isDead = true
    expect(await pool.acquire()).toBe(opened[1])
    expect(opened[0]?.isClosed).toBe(true)
    expect(pool.stats().size).toBe(1)
  })

  test('asks the idle ones whether they live when one was lost', async () => {
    const pool = poolOf()
    const [first, second] = [await pool.acquire(), (await pool.acquire()) as FakeSession]
    pool.release(first)
    second.lose()
    pool.release(second)
    expect(await pool.acquire()).toBe(first)
    expect(opened[0]?.questions).toEqual([''])
  })

  test('resets a connection that a borrower has changed before the next gets it', async () => {
    const pool = poolOf({ connectionsMax: 1 })
    const session = (await pool.acquire()) as FakeSession
    Object.assign(session, { isChanged: true })
    const next = pool.acquire()
    pool.release(session)
    expect(await next).toBe(session)
    expect(session.questions).toEqual(['discard all'])
  })

  test('closes a connection that can not be reset', async () => {
    const pool = poolOf({
      connectionsMax: 1,
      async open() {
        const session = fakeSession((text) => {
          if (text === 'discard all') throw serverError('25001')
          return undefined
        })
        opened.push(session)
        return session
      },
    })
    const session = (await pool.acquire()) as FakeSession
    Object.assign(session, { isChanged: true })
    pool.release(session)
    expect(await pool.acquire()).toBe(opened[1])
    expect(session.isClosed).toBe(true)
  })

  test('that leads elsewhere closes what is idle at once, and what is busy when it comes back', async () => {
    const pool = poolOf()
    const [idle, busy] = [(await pool.acquire()) as FakeSession, (await pool.acquire()) as FakeSession]
    pool.release(idle)
    pool.renew({ connectionsMax: 2 })
    expect([idle.isClosed, busy.isClosed, busy.isLost]).toEqual([true, false, false])
    expect(await pool.acquire()).toBe(opened[2])
    pool.release(busy)
    expect(busy.isClosed).toBe(true)
    expect(await pool.acquire()).toBe(opened[3])
  })

  test('cuts off what is busy when there is a reason', async () => {
    const pool = poolOf({ connectionsMax: 1 })
    const busy = (await pool.acquire()) as FakeSession
    const waiting = pool.acquire()
    pool.renew({ connectionsMax: 1, cutReason: 'term 2 has begun' })
    expect(busy.isLost).toBe(true)
    pool.release(busy)
    expect(await waiting).toBe(opened[1])
  })

  test('does not wait to try a new address, and never gives out a connection to the old one', async () => {
    const gates: PromiseWithResolvers<FakeSession>[] = []
    const pool = poolOf({
      open() {
        gates.push(Promise.withResolvers<FakeSession>())
        return (gates.at(-1) as PromiseWithResolvers<FakeSession>).promise
      },
    })
    const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
    const acquired = pool.acquire()
    gates[0]?.reject(refused)
    await clock.advance(0)
    pool.renew({ connectionsMax: 2 })
    await clock.advance(0)
    expect(gates).toHaveLength(2)
    pool.renew({ connectionsMax: 2 })
    const [old, latest] = [fakeSession(), fakeSession()]
    gates[1]?.resolve(old)
    await clock.advance(0)
    gates[2]?.resolve(latest)
    expect(await acquired).toBe(latest)
    expect(old.isClosed).toBe(true)
  })

  test('has fewer or more connections when it is told so', async () => {
    const pool = poolOf()
    const [first, second] = [await pool.acquire(), await pool.acquire()]
    pool.renew({ connectionsMax: 1 })
    const waiting = pool.acquire()
    pool.release(first)
    await clock.advance(0)
    expect(pool.stats()).toMatchObject({ size: 1, waiting: 1 })
    pool.release(second)
    expect(await waiting).toBe(opened[2])
    const others = [pool.acquire(), pool.acquire()]
    pool.renew({ connectionsMax: 3 })
    await Promise.all(others)
    expect(pool.stats().size).toBe(3)
  })

  test('opens one connection at a time, and serves whoever waits meanwhile with those that come back', async () => {
    const gates: PromiseWithResolvers<FakeSession>[] = []
    const pool = poolOf({
      connectionsMax: 5,
      open() {
        gates.push(Promise.withResolvers<FakeSession>())
        return gates.at(-1)!.promise
      },
    })
    const callers = [1, 2, 3, 4, 5].map(() => pool.acquire())
    expect(gates).toHaveLength(1)
    expect(pool.isFree).toBe(false)
    const first = fakeSession()
    gates[0]!.resolve(first)
    for (const caller of callers.slice(0, 4)) {
      expect(await caller).toBe(first)
      pool.release(first)
    }
    expect(await callers[4]).toBe(first)
    expect(gates).toHaveLength(2)
    gates[1]!.resolve(fakeSession())
    await clock.advance(0)
    expect(pool.stats()).toEqual({ size: 2, busy: 1, idle: 1, waiting: 0 })
  })

  test('does not wait for a server that hangs when there is a new address', async () => {
    let isThere = false
    const pool = poolOf({ open: () => (isThere ? Promise.resolve(fakeSession()) : new Promise(() => undefined)) })
    const acquired = pool.acquire()
    await clock.advance(500)
    isThere = true
    pool.renew({ connectionsMax: 2 })
    await expect(acquired).resolves.toBeDefined()
  })

  test('says that there was no answer when a server hangs', async () => {
    const pool = poolOf({ open: () => new Promise(() => undefined) })
    const failure = pool.acquire().catch((error: unknown) => error)
    await clock.advance(1_000)
    expect(await failure).toMatchObject({
      code: 'TF_DATABASE_UNREACHABLE',
      message: 'expected a connection to orders, got: no answer within 1000 ms',
    })
    const ended = pool.end()
    await ended
    expect(clock.pending).toBe(0)
  })

  test('waits for a server that restarts', async () => {
    let failures = 3
    const pool = poolOf({
      async open() {
        if (failures-- > 0) throw serverError('57P03', 'FATAL', 'the database system is starting up')
        return fakeSession()
      },
    })
    const acquired = pool.acquire()
    await clock.advance(999)
    await expect(acquired).resolves.toBeDefined()
  })

  test('says what the system said when the server does not come back in time', async () => {
    const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
    const pool = poolOf({ open: () => Promise.reject(refused) })
    const failure = pool.acquire().catch((error: unknown) => error)
    await clock.advance(1_000)
    expect(await failure).toMatchObject({ code: 'TF_DATABASE_UNREACHABLE', cause: refused })
    await clock.advance(200)
    expect(pool.stats().size).toBe(0)
  })

  test('does not try a wrong password twice', async () => {
    let attempts = 0
    const pool = poolOf({
      open() {
        attempts++
        return Promise.reject(serverError('28P01', 'FATAL'))
      },
    })
    await expect(pool.acquire()).rejects.toMatchObject({ code: 'TF_DATABASE_UNREACHABLE' })
    expect(attempts).toBe(1)
  })

  test('closes connections that nobody used for the idle time', async () => {
    const pool = poolOf()
    const [first, second] = [await pool.acquire(), await pool.acquire()]
    pool.release(first)
    await clock.advance(20_000)
    pool.release(second)
    await clock.advance(11_000)
    expect(opened.map(({ isClosed }) => isClosed)).toEqual([true, false])
    await clock.advance(60_000)
    expect(pool.stats().size).toBe(0)
  })

  test('ends when the busy connections have come back, and takes nobody in meanwhile', async () => {
    const pool = poolOf({ connectionsMax: 1 })
    const session = await pool.acquire()
    const waiting = pool.acquire().catch((error: unknown) => error)
    let hasEnded = false
    const ended = pool.end().then(() => (hasEnded = true))
    expect(await waiting).toMatchObject({ code: 'TF_DATABASE_CLOSED' })
    await expect(pool.acquire()).rejects.toMatchObject({ code: 'TF_DATABASE_CLOSED' })
    await clock.advance(1_000)
    expect(hasEnded).toBe(false)
    pool.release(session)
    await ended
    expect(opened[0]?.isClosed).toBe(true)
    await pool.end()
    expect(clock.pending).toBe(0)
  })

  describe('events', () => {
    const events: PoolEvent[] = []
    const listen = (message: unknown): void => void events.push(message as PoolEvent)

    beforeEach(() => diagnostics.subscribe('tenfold:sql:pool', listen))
    afterEach(() => {
      diagnostics.unsubscribe('tenfold:sql:pool', listen)
      events.length = 0
    })

    test('tell how long callers waited', async () => {
      const pool = poolOf({ connectionsMax: 1 })
      const session = await pool.acquire()
      const waiting = pool.acquire()
      await clock.advance(30)
      pool.release(session)
      await waiting
      expect(events.map(({ event, waitMs }) => [event, waitMs])).toEqual([
        ['opened', 0],
        ['waited', 0],
        ['released', 30],
        ['waited', 30],
      ])
    })
  })
})
