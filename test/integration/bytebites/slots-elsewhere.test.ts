import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { migrate } from '../../../src/clusters/migrations.ts'
import type { DatabaseConnection } from '../../../src/sql/database.ts'
import type { CatalogTables, SharedTables } from '../../../systems/bytebites/data/tables.ts'
import { REGIONS } from '../../../systems/bytebites/domain/region.ts'
import type { SlotRequest, SlotStore } from '../../../systems/bytebites/services/stores/slot-store.ts'
import { SlotFull, slotsElsewhere } from '../../../systems/bytebites/services/stores/slot-store.ts'
import type { TestBed } from '../clusters/test-bed.ts'
import { createTestBed } from '../clusters/test-bed.ts'

const SHARED = fileURLToPath(new URL('../../../systems/bytebites/migrations/shared', import.meta.url))

let bed: TestBed
let connection: DatabaseConnection
let slots: SlotStore<undefined>

beforeAll(async () => {
  bed = await createTestBed()
  const cluster = bed.cluster('catalog')
  await cluster.start()
  connection = bed.connect(cluster.url(), { connectionsMax: 8 })
  await migrate(connection, [SHARED])
  slots = slotsElsewhere<undefined>(connection as DatabaseConnection<CatalogTables & SharedTables>)
})

afterAll(() => bed.end())

beforeEach(() => connection.query('truncate delivery_slot, slot_place'))

class Refused extends Error {}

function request(userId: number, key = 'k'): SlotRequest {
  const order = { region: { ...REGIONS.de, slotCapacity: 2 }, week: 3_000, slot: { code: 'tue-evening' } }
  return { userId, key, order: order as SlotRequest['order'] }
}

const place = (userId: number, key?: string, work: () => Promise<string> = async () => 'placed'): Promise<string> =>
  slots.taking(request(userId, key), work, (error) => error instanceof Refused)

async function taken(): Promise<number> {
  const { rows } = await connection.query<{ taken: number }>('select taken from delivery_slot')
  return rows[0]?.taken ?? 0
}

test('the last place is given once, however many come at the same time', async () => {
  const outcomes = await Promise.allSettled([1, 2, 3, 4, 5].map((userId) => place(userId)))
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(2)
  for (const outcome of outcomes) if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(SlotFull)
  expect(await taken()).toBe(2)
  expect(await slots.full('de', 3_000)).toEqual(new Set(['tue-evening']))
})

test('an order that is asked for again takes no second place, and leaves the first where it is when it is refused', async () => {
  await place(1)
  await place(1)
  const again = place(1, 'k', () => Promise.reject(new Refused()))
  await expect(again).rejects.toThrow(Refused)
  expect(await taken()).toBe(1)
})

test('a place goes back when the order is refused, and stays when nobody knows what became of it', async () => {
  await expect(place(1, 'a', () => Promise.reject(new Refused()))).rejects.toThrow(Refused)
  expect(await taken()).toBe(0)
  await expect(place(1, 'b', () => Promise.reject(new Error('connection lost')))).rejects.toThrow('connection lost')
  expect(await taken()).toBe(1)
  expect(await place(1, 'b')).toBe('placed')
  expect(await taken()).toBe(1)
})
