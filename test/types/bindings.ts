import type { Bindings } from '../../src/service/handles.ts'
import type { System } from './good.ts'

/** What `bind` gives; only compiled. */
export async function use(api: Bindings<System, 'api'>, recommender: Bindings<System, 'recommender'>): Promise<void> {
  await api.publishes.order_placed.publish({ user_id: 'u', order_id: 'o' })
  api.caches.recipes.get('x')?.title.toUpperCase()
  await api.services.recommender.fetch('/top')
  const mine = await api.databases.orders.shard('u1').db.selectFrom('order').select(['id', 'total_cents']).execute()
  mine[0]?.total_cents.toFixed()
  await api.databases.orders.shard('u').transaction((tx) => tx.db.selectFrom('order_line').selectAll().execute())
  const recipes = await api.databases.catalog.db.selectFrom('recipe').select('title').execute()
  recipes[0]?.title.toUpperCase()
  const after = await api.databases.catalog.token()
  const view = api.databases.catalog.read({ after, lag: '2s' })
  const read = await view.db.selectFrom('recipe').select('title').execute()
  read[0]?.title.toUpperCase()
  // @ts-expect-error -- a view only reads
  view.db.insertInto('recipe')
  // @ts-expect-error -- no such table
  view.db.selectFrom('recipes')
  const fate: 'committed' | 'not-committed' | 'unknown' = await api.databases.catalog.committed(new Error('x'))
  void [await view.token(), fate]
  const anything = await api.databases.users.db.selectFrom('anything').selectAll().execute()
  const unknown: unknown = anything[0]?.['column']
  void unknown
  await recommender.consumes.order_placed.each(async ({ value, attempt }, { transaction, signal }) => {
    const nothing: undefined = transaction
    void [value.order_id.toUpperCase(), attempt.toFixed(), nothing, signal.aborted]
  })
  await recommender.consumes.order_placed.batch(
    async (events) => void events.map(({ value }) => value.user_id.trim()),
    {
      batchMax: 10,
      retry: { attempts: 3, onFailure: 'block-key' },
    },
  )
  // @ts-expect-error -- it only reads
  void recommender.publishes.order_placed
  // @ts-expect-error -- no such field
  recommender.consumes.order_placed.each(async ({ value }) => void value.order)
  await api.databases.catalog.transaction(async (transaction) => {
    await api.publishes.order_placed.publish([{ user_id: 'u', order_id: 'o' }], { transaction, headers: { a: 'b' } })
  })
  const { isDuplicate } = await api.enqueues.emails.enqueue({ to: 'a', text: 'b' }, { delay: '5m', priority: 'high' })
  void isDuplicate
  await api.databases.catalog.transaction(async (transaction) => {
    await api.enqueues.emails.enqueueMany([{ item: { to: 'a', text: 'b' } }], { transaction })
  })
  // @ts-expect-error -- an item lacks a field
  await api.enqueues.emails.enqueue({ to: 'a' })
  await recommender.works.emails.each(
    async ({ value, attempt }, { transaction, reportProgress }) => {
      reportProgress(`${value.to.trim()} ${attempt.toFixed()}`)
      await transaction.db.selectFrom('recipe').select('title').execute()
    },
    { effects: api.databases.catalog, timeout: '1m', retry: { attempts: 3 } },
  )
  // @ts-expect-error -- it only works on it
  void recommender.enqueues.emails
  // @ts-expect-error -- an event lacks a field
  await api.publishes.order_placed.publish({ user_id: 'u' })
  await recommender.consumes.order_placed.each(
    async ({ value }, { transaction }) => {
      await transaction.db.selectFrom('recipe').select('title').where('title', '=', value.order_id).execute()
      // @ts-expect-error -- no such table
      transaction.db.selectFrom('recipes')
    },
    { effects: api.databases.catalog },
  )
}
