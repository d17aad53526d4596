import diagnostics from 'node:diagnostics_channel'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { TenfoldError } from '../../src/core/errors.ts'
import type { LaneEvent, Lanes } from '../../src/sql/lanes.ts'
import { createLanes } from '../../src/sql/lanes.ts'
import type { Session, SqlResult } from '../../src/sql/session.ts'
import type { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'
import type { FakeSession } from './fake-session.ts'
import { fakeSession, serverError } from './fake-session.ts'

/** A lane whose statements are answered by the test, in order. */
interface GatedSession extends FakeSession {
  readonly waiting: { text: string; answer(error?: unknown): void }[]
}

let clock: VirtualClock
let opened: GatedSession[]

beforeEach(() => {
  clock = virtualClock()
  opened = []
})

function gatedSession(): GatedSession {
  const waiting: GatedSession['waiting'] = []
  const session = Object.assign(fakeSession(), {
    waiting,
    query: <Row>(text: string): Promise<SqlResult<Row>> =>
      new Promise((resolve, reject) => {
        const answer = (error?: unknown): void => {
          waiting.shift()
          if (error === undefined) resolve({ rows: [{ text } as Row], rowCount: 1, command: 'SELECT' })
          else reject(error)
        }
        waiting.push({ text, answer })
      }),
  })
  return session
}

function lanesOf(open: () => Promise<Session> = openGated, isElsewhereFree = true): Lanes {
  return createLanes({ database: 'orders', count: 2, clock, isElsewhereFree: () => isElsewhereFree, open })
}

async function openGated(): Promise<Session> {
  const session = gatedSession()
  opened.push(session)
  return session
}

/** With every lane open. */
async function openedLanes(isElsewhereFree = true): Promise<Lanes> {
  const lanes = lanesOf(openGated, isElsewhereFree)
  const sent = [await send(lanes, 'select a'), await send(lanes, 'select b')]
  for (const _ of sent) opened[0]?.waiting[0]?.answer()
  await Promise.all(sent.flat())
  return lanes
}

/** Sends a statement, and lets it get to its lane. */
async function send(lanes: Lanes, text: string): Promise<Promise<unknown>[]> {
  const answer = lanes.query(text).catch((error: unknown) => error)
  await clock.advance(0)
  return [answer]
}

const lost = (): TenfoldError => new TenfoldError('TF_CONNECTION_LOST', 'lost')

describe('lanes', () => {
  test('send a read at once behind those under way, on the lane that has the least', async () => {
    const lanes = await openedLanes()
    const [one] = await send(lanes, 'select 1')
    const [two] = await send(lanes, 'select 2')
    const [three] = await send(lanes, 'select 3')
    expect(opened.map(({ waiting }) => waiting.map(({ text }) => text))).toEqual([
      ['select 1', 'select 3'],
      ['select 2'],
    ])
    expect(lanes.inFlight).toBe(3)
    opened[0]?.waiting[0]?.answer()
    opened[0]?.waiting[0]?.answer()
    opened[1]?.waiting[0]?.answer()
    expect(await Promise.all([one, two, three])).toMatchObject(
      [1, 2, 3].map((n) => ({ rows: [{ text: `select ${n}` }] })),
    )
    expect(lanes.inFlight).toBe(0)
  })

  test.each(['insert into item values (1)', 'set role nobody', 'select 1; select 2'])('take no %s', async (text) => {
    expect(await lanesOf().query(text)).toBeUndefined()
    expect(opened).toEqual([])
  })

  test('do not let a read wait for another lane to open', async () => {
    const second = Promise.withResolvers<Session>()
    const lanes = lanesOf(() => (opened.length === 0 ? openGated() : second.promise))
    for (const text of ['select 1', 'select 2', 'select 3']) await send(lanes, text)
    expect(opened[0]?.waiting).toHaveLength(3)
    const session = gatedSession()
    second.resolve(session)
    await clock.advance(0)
    await send(lanes, 'select 4')
    expect(session.waiting).toHaveLength(1)
  })

  test('let each statement fail for itself', async () => {
    const lanes = await openedLanes()
    await send(lanes, 'select 1')
    await send(lanes, 'select 2')
    const [bad] = await send(lanes, 'select nothing')
    const [good] = await send(lanes, 'select 4')
    opened[0]?.waiting[0]?.answer()
    opened[0]?.waiting[0]?.answer(serverError('42703'))
    opened[1]?.waiting[0]?.answer()
    opened[1]?.waiting[0]?.answer()
    expect(await bad).toMatchObject({ code: '42703' })
    expect(await good).toMatchObject({ rows: [{ text: 'select 4' }] })
  })

  test('hand on what takes longer than the limit, and do not try it again for a while', async () => {
    const lanes = lanesOf()
    const [slow] = await send(lanes, 'select slow')
    await clock.advance(200)
    opened[0]?.waiting[0]?.answer(serverError('57014'))
    expect(await slow).toBeUndefined()
    expect(await lanes.query('select slow')).toBeUndefined()
    await clock.advance('60s')
    await send(lanes, 'select slow')
    expect(opened.flatMap(({ waiting }) => waiting)).toHaveLength(1)
  })

  test('do not hand on what somebody has cancelled', async () => {
    const lanes = lanesOf()
    const [cancelled] = await send(lanes, 'select 1')
    await clock.advance(20)
    opened[0]?.waiting[0]?.answer(serverError('57014'))
    expect(await cancelled).toMatchObject({ code: '57014' })
  })

  test('hand on what turns out to write', async () => {
    const lanes = lanesOf()
    const [writes] = await send(lanes, 'select place_order()')
    opened[0]?.waiting[0]?.answer(serverError('25006'))
    expect(await writes).toBeUndefined()
    expect(await lanes.query('select place_order()')).toBeUndefined()
  })

  test('give nothing more to a lane that does not answer, and nothing at all if none does', async () => {
    const lanes = lanesOf()
    await send(lanes, 'select 1')
    await clock.advance(30)
    await send(lanes, 'select 2')
    await send(lanes, 'select 3')
    expect(opened.map(({ waiting }) => waiting.length)).toEqual([1, 2])
    await clock.advance(30)
    expect(await lanes.query('select 4')).toBeUndefined()
    // An answer shows that the lane moves.
    opened[1]?.waiting[0]?.answer()
    await clock.advance(0)
    await send(lanes, 'select 5')
    expect(opened[1]?.waiting).toHaveLength(2)
  })

  test('go on with a lane that does not answer where all would only wait elsewhere', async () => {
    const lanes = lanesOf(openGated, false)
    await send(lanes, 'select 1')
    await send(lanes, 'select 2')
    await send(lanes, 'select 3')
    expect(opened.map(({ waiting }) => waiting.length)).toEqual([2, 1])
    await clock.advance(30)
    await send(lanes, 'select 4')
    // The one with less before it.
    expect(opened.map(({ waiting }) => waiting.length)).toEqual([2, 2])
  })

  test('hold so many statements and no more', async () => {
    const lanes = lanesOf()
    for (let count = 0; count < 512; count++) await send(lanes, 'select 1')
    expect(lanes.inFlight).toBe(512)
    expect(await lanes.query('select 1')).toBeUndefined()
  })

  test('hand on exactly what was under way on a lane that is lost, and open another', async () => {
    const lanes = await openedLanes()
    const [one] = await send(lanes, 'select 1')
    const [two] = await send(lanes, 'select 2')
    opened[0]?.lose()
    opened[0]?.waiting[0]?.answer(lost())
    expect(await one).toBeUndefined()
    opened[1]?.waiting[0]?.answer()
    expect(await two).toMatchObject({ rows: [{ text: 'select 2' }] })
    await send(lanes, 'select 3')
    await send(lanes, 'select 4')
    expect(opened).toHaveLength(3)
  })

  test('leave the work to the pool for a moment if they can not be opened, and for long if they are refused', async () => {
    let failure: unknown = Object.assign(new Error('down'), { code: 'ECONNREFUSED' })
    let attempts = 0
    const lanes = lanesOf(async () => {
      attempts++
      throw failure
    })
    expect(await lanes.query('select 1')).toBeUndefined()
    expect(await lanes.query('select 1')).toBeUndefined()
    expect(attempts).toBe(1)
    await clock.advance(250)
    failure = serverError('08P01', 'FATAL', 'unsupported startup parameter')
    expect(await lanes.query('select 1')).toBeUndefined()
    await clock.advance('59s')
    expect(await lanes.query('select 1')).toBeUndefined()
    expect(attempts).toBe(2)
    await clock.advance('1s')
    await lanes.query('select 1')
    expect(attempts).toBe(3)
  })

  test('end at once when they lead elsewhere, and open anew', async () => {
    const lanes = lanesOf()
    const [one] = await send(lanes, 'select 1')
    lanes.renew({ count: 1, reason: 'moved' })
    expect(opened[0]?.isLost).toBe(true)
    opened[0]?.waiting[0]?.answer(lost())
    expect(await one).toBeUndefined()
    await send(lanes, 'select 2')
    await send(lanes, 'select 3')
    expect(opened.map(({ waiting }) => waiting.length)).toEqual([0, 2])
  })

  test('do not use a connection that was being opened to the old place', async () => {
    const opening = Promise.withResolvers<Session>()
    const lanes = lanesOf(() => opening.promise)
    const answer = lanes.query('select 1')
    lanes.renew({ count: 2, reason: 'moved' })
    const session = gatedSession()
    opening.resolve(session)
    await answer
    expect(session.isLost).toBe(true)
    expect(session.waiting).toEqual([])
  })

  test('end after what is under way', async () => {
    const lanes = lanesOf()
    const [one] = await send(lanes, 'select 1')
    let hasEnded = false
    const ended = lanes.end().then(() => (hasEnded = true))
    await clock.advance('1s')
    expect(hasEnded).toBe(false)
    opened[0]?.waiting[0]?.answer()
    await Promise.all([one, ended])
    expect(opened[0]?.isClosed).toBe(true)
    expect(await lanes.query('select 2')).toBeUndefined()
  })

  test('publish how long each statement was under way', async () => {
    const events: LaneEvent[] = []
    const listen = (message: unknown): void => void events.push(message as LaneEvent)
    diagnostics.subscribe('tenfold:sql:lane', listen)
    onTestFinished(() => void diagnostics.unsubscribe('tenfold:sql:lane', listen))
    const lanes = lanesOf()
    const [one] = await send(lanes, 'select 1')
    await clock.advance(7)
    opened[0]?.waiting[0]?.answer()
    await one
    expect(events).toEqual([{ database: 'orders', event: 'answered', durationMs: 7, inFlight: 0 }])
  })
})
