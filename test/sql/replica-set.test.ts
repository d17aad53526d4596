import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { seededRandom } from '../../src/core/random.ts'
import type { NodeLink } from '../../src/sql/node-link.ts'
import type { Position } from '../../src/sql/position.ts'
import type { ReplicaSet } from '../../src/sql/replica-set.ts'
import { createReplicaSet } from '../../src/sql/replica-set.ts'
import type { SqlResult } from '../../src/sql/session.ts'
import type { VirtualClock } from '../../src/testing/virtual-clock.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'

/** A node whose data is one number that only grows: how many writes it has. */
interface SimulatedNode {
  term: number
  lsn: number
  /** Answers after this long; undefined: never. */
  answerMs: number | undefined
  isClosed: boolean
  questions: number
}

/** A primary, and replicas that get to where it is when the test says so. */
function simulation(replicaCount: number) {
  const clock: VirtualClock = virtualClock()
  const primary = { term: 1, lsn: 0, answerMs: 1 as number | undefined, isClosed: false, questions: 0 }
  const replicas: SimulatedNode[] = Array.from({ length: replicaCount }, () => ({ ...primary }))

  async function answer(node: SimulatedNode): Promise<void> {
    node.questions++
    const { promise, resolve } = Promise.withResolvers<void>()
    if (node.answerMs !== undefined) clock.schedule(node.answerMs, resolve)
    await promise
  }

  function linkOf(node: SimulatedNode): NodeLink {
    const link: Partial<NodeLink> = {
      inFlight: 0,
      async read<Row>(): Promise<SqlResult<Row>> {
        await answer(node)
        const row = { follows: true, lsn: String(node.lsn), term: node.term }
        return { rows: [row as Row], rowCount: 1, command: 'SELECT' }
      },
      async end() {
        node.isClosed = true
      },
    }
    return link as NodeLink
  }

  const links = replicas.map(linkOf)
  const set: ReplicaSet = createReplicaSet({
    clock,
    async primaryPosition() {
      const { term, lsn } = primary
      await answer(primary)
      return { term, lsn: BigInt(lsn) }
    },
    link: (url) => links[Number(url)] as NodeLink,
  })
  set.moveTo(replicas.map((_, index) => String(index)))

  /** Time goes on until the promise has settled. */
  async function settle<T>(work: Promise<T>): Promise<T> {
    const state = { isSettled: false }
    void work.finally(() => (state.isSettled = true))
    await clock.advance(0)
    while (!state.isSettled) await clock.advance(1)
    return work
  }

  /** The node that a read goes to, and how long that took to decide. */
  async function read(after?: Position, waitMs = 100): Promise<{ node: SimulatedNode; tookMs: number }> {
    const startMs = clock.nowMs()
    const link = await settle(set.choose({ after, waitMs, lagMaxMs: 1_000 }))
    const node = link === undefined ? primary : (replicas[links.indexOf(link)] as SimulatedNode)
    return { node, tookMs: clock.nowMs() - startMs }
  }

  const catchUp = (node: SimulatedNode): void => void Object.assign(node, { term: primary.term, lsn: primary.lsn })
  return { clock, primary, replicas, set, read, catchUp }
}

const at = (term: number, lsn: number): Position => ({ term, lsn: BigInt(lsn) })

describe('the replicas of a database', () => {
  test('take a read that asks for nothing special', async () => {
    const { read, replicas } = simulation(2)
    expect(replicas).toContain((await read()).node)
  })

  test('are waited for while they replay what was asked for', async () => {
    const { clock, primary, replicas, read, catchUp } = simulation(1)
    await read()
    primary.lsn = 7
    clock.schedule(40, () => catchUp(replicas[0] as SimulatedNode))
    const { node, tookMs } = await read(at(1, 7))
    expect(node).toBe(replicas[0])
    expect(tookMs).toBeLessThan(60)
  })

  test('are not waited for longer than the bound', async () => {
    const { primary, read } = simulation(1)
    await read()
    primary.lsn = 7
    const { node, tookMs } = await read(at(1, 7))
    expect(node).toBe(primary)
    expect(tookMs).toBeLessThanOrEqual(115)
    expect((await read(at(1, 7), 0)).tookMs).toBeLessThanOrEqual(5)
  })

  test('further behind than their lag take no reads, until they have caught up', async () => {
    const { clock, primary, replicas, read, catchUp } = simulation(1)
    await read()
    primary.lsn = 1
    await clock.advance('1s')
    expect((await read()).node).toBe(primary)
    catchUp(replicas[0] as SimulatedNode)
    await clock.advance('1s')
    expect((await read()).node).toBe(replicas[0])
  })

  test('that are silent hold up one read for a quarter of a second, and then none', async () => {
    const { clock, primary, replicas, read } = simulation(2)
    for (const replica of replicas) replica.answerMs = undefined
    expect((await read()).tookMs).toBeLessThanOrEqual(252)
    for (let count = 0; count < 20; count++) {
      await clock.advance(300)
      const { node, tookMs } = await read()
      expect(node).toBe(primary)
      expect(tookMs).toBe(0)
    }
    expect(replicas[0]?.questions).toBe(1)
  })

  test('go on reading without a primary until nobody knows how far behind they are', async () => {
    const { clock, primary, replicas, read } = simulation(1)
    await read()
    primary.answerMs = undefined
    await clock.advance(500)
    expect((await read()).node).toBe(replicas[0])
    await clock.advance(600)
    expect((await read()).node).toBe(primary)
  })

  test('are exactly those of the last address', async () => {
    const { set, replicas, read } = simulation(2)
    set.moveTo(['1'])
    expect(replicas.map(({ isClosed }) => isClosed)).toEqual([true, false])
    expect((await read()).node).toBe(replicas[1])
    await set.end()
    expect(replicas[1]?.isClosed).toBe(true)
  })

  test('never show a reader less than it has written or read, through lags, fail-overs and silence', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), fc.integer({ min: 1, max: 3 }), async (seed, count) => {
        const random = seededRandom(seed)
        const { clock, primary, replicas, read, catchUp } = simulation(count)
        const any = (): SimulatedNode => replicas[random.integer(replicas.length)] as SimulatedNode
        // Two clients with what each has seen: the number of writes, and the token that stands for it.
        const clients = [0, 1].map(() => ({ seen: { term: 1, lsn: 0 } }))
        for (let step = 0; step < 40; step++) {
          const client = clients[random.integer(2)] as (typeof clients)[number]
          switch (random.integer(7)) {
            case 0:
            case 1:
              primary.lsn += 1 + random.integer(3)
              client.seen = { term: primary.term, lsn: primary.lsn }
              break
            case 2:
              catchUp(any())
              break
            case 3: {
              // Some way towards the primary.
              const node = any()
              if (node.term === primary.term) node.lsn += random.integer(Math.max(0, primary.lsn - node.lsn) + 1)
              break
            }
            case 4:
              if (random.integer(4) === 0) {
                // Some replica may have more of the old log than whoever takes over: what nobody was told of.
                any().lsn += random.integer(10)
                primary.term++
              }
              any().answerMs = random.integer(3) === 0 ? undefined : random.integer(30)
              break
            case 5:
              await clock.advance(random.integer(1_500))
              break
            default: {
              const { node } = await read(at(client.seen.term, client.seen.lsn), random.integer(50))
              const isLess =
                node.term < client.seen.term || (node.term === client.seen.term && node.lsn < client.seen.lsn)
              expect(isLess).toBe(false)
              client.seen = { term: node.term, lsn: node.lsn }
            }
          }
        }
      }),
      { numRuns: 250 },
    )
  })
})
