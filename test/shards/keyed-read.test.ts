import { expect, test } from 'vitest'
import { createKeyedRead } from '../../src/shards/keyed-read.ts'
import type { DatabaseConnection } from '../../src/sql/database.ts'

/** A shard with a primary and a replica, which says where it was asked. */
function shard(said: string[], replica: () => Promise<unknown> = async () => ({ rows: [] })): DatabaseConnection {
  return {
    query: async () => {
      said.push('primary')
      return { rows: [] }
    },
    read() {
      said.push('a replica is chosen')
      return {
        query: () => {
          said.push('replica')
          return replica()
        },
      }
    },
  } as unknown as DatabaseConnection
}

test('stays with the replica that it has chosen', async () => {
  const said: string[] = []
  const connection = shard(said)
  const view = createKeyedRead((run) => run(connection), {})
  await view.query('select 1')
  await view.query('select 2')
  expect(said).toEqual(['a replica is chosen', 'replica', 'replica'])
})

test('goes to the primary once a replica has failed it, and to a replica of another shard', async () => {
  const [said, other]: [string[], string[]] = [[], []]
  const [first, second] = [shard(said, () => Promise.reject(new Error('behind'))), shard(other)]
  let now = first
  // As whoever routes does: again, where the key is then.
  const view = createKeyedRead((run) => run(now).catch(() => run(now)), {})
  await view.query('select 1')
  expect(said).toEqual(['a replica is chosen', 'replica', 'primary'])
  await view.query('select 2')
  expect(said.slice(3)).toEqual(['primary'])
  now = second
  await view.query('select 3')
  expect(other).toEqual(['a replica is chosen', 'replica'])
})

test('reads after a token on the primary, since the token may be of another shard', async () => {
  const said: string[] = []
  const connection = shard(said)
  await createKeyedRead((run) => run(connection), { after: '1-2A' as never }).query('select 1')
  expect(said).toEqual(['primary'])
})

test('refuses what may write', async () => {
  const said: string[] = []
  const view = createKeyedRead((run) => run(shard(said)), {})
  for (const text of ['delete from a', 'with x as (insert into a values (1)) select 1', 'create table b ()']) {
    await expect(view.query(text)).rejects.toMatchObject({ code: 'TF_USAGE' })
  }
  expect(said).toEqual([])
})
