import { expect, test } from 'vitest'
import { clustersOf } from '../../src/blueprint/clusters-of.ts'
import type { ResolvedDatabase } from '../../src/blueprint/resolved-blueprint.ts'
import type { DatabaseUnit } from '../../src/runtime/database-unit.ts'
import { createShardGroup } from '../../src/runtime/shard-group.ts'
import type { DatabaseGroup } from '../../src/runtime/shard-group.ts'
import type { SystemCode } from '../../src/runtime/system-code.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'

const NEVER = new AbortController().signal

function orders(count: number): ResolvedDatabase {
  return {
    name: 'orders',
    engine: { kind: 'embedded' },
    migrations: [],
    seeds: [],
    resources: { cpu: undefined, memoryBytes: undefined },
    sharding: { key: 'user_id', strategy: { by: 'hash', count }, count, reference: [] },
  }
}

/** Shards that say what they are told; steps that are named fail. */
async function group(count: number, failing: readonly string[]): Promise<{ shards: DatabaseGroup; said: string[] }> {
  const said: string[] = []
  const shards = await createShardGroup(
    orders(count),
    async ({ name }) => {
      const step = (what: string) => async () => {
        said.push(`${name} ${what}`)
        if (failing.includes(`${name} ${what}`)) throw new Error(`${name} can't ${what}`)
        return 1
      }
      const phases = { open: step('open'), migrate: step('migrate'), complete: step('complete') }
      const updates = { migrate: step('migrate'), complete: step('complete') }
      return { name, phases, updates, stop: step('stop'), url: () => 'postgres://h/x' } as unknown as DatabaseUnit
    },
    { clock: virtualClock(), onTrouble: () => undefined },
  )
  return { shards, said }
}

test('a shard of a database is called by its number, whatever else is the same', () => {
  expect(clustersOf(orders(2))).toMatchObject([
    { name: 'orders-0', database: 'orders', shard: 0 },
    { name: 'orders-1', database: 'orders', shard: 1 },
  ])
})

test('a server that does not start ends the others, and no table has changed', async () => {
  const { shards, said } = await group(3, ['orders-1 open'])
  await expect(shards.start(NEVER)).rejects.toThrow("orders-1 can't open")
  expect(said.filter((text) => text.endsWith('migrate'))).toEqual([])
  expect(said.slice(-3)).toEqual(['orders-0 stop', 'orders-1 stop', 'orders-2 stop'])
})

test('a migration that fails leaves the shards behind it as they were', async () => {
  const { shards, said } = await group(3, ['orders-1 migrate'])
  await expect(shards.start(NEVER)).rejects.toThrow("orders-1 can't migrate")
  expect(said.filter((text) => text.endsWith('migrate'))).toEqual(['orders-0 migrate', 'orders-1 migrate'])
})

test('a new shard that does not start is gone again, and those that run stay', async () => {
  const { shards, said } = await group(2, ['orders-2 open'])
  await expect(shards.update(orders(4), {} as SystemCode, NEVER)).rejects.toThrow("orders-2 can't open")
  expect(shards.units.map(({ name }) => name)).toEqual(['orders-0', 'orders-1'])
  expect(said.filter((text) => text.endsWith('stop'))).toEqual(['orders-2 stop', 'orders-3 stop'])
})

test('shards that a blueprint has no more are stopped, from the last on', async () => {
  const { shards, said } = await group(4, [])
  await shards.fit(orders(3))
  expect(said).toEqual(['orders-3 stop'])
  expect(shards.units).toHaveLength(3)
})
