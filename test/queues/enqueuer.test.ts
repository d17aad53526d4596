import { expect, test } from 'vitest'
import { createEnqueuer } from '../../src/queues/enqueuer.ts'
import { createItemId } from '../../src/queues/item-id.ts'
import type { NewItem, QueueEngine } from '../../src/queues/queue-engine.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'

function harness() {
  const items: NewItem[] = []
  const engine = {
    async enqueue(_queue: string, given: readonly NewItem[]) {
      items.push(...given)
      return given.map(({ itemId }) => ({ itemId, isDuplicate: false }))
    },
  } as unknown as QueueEngine
  return { items, emails: createEnqueuer<unknown>({ engine, queue: 'emails', headers: () => ({ trace: 'x' }) }) }
}

test('puts an item in as it is, at once and with normal priority unless told otherwise', async () => {
  const { items, emails } = harness()
  const { itemId } = await emails.enqueue({ to: 'a' })
  expect(items).toEqual([
    {
      itemId,
      payload: '{"to":"a"}',
      priority: 'normal',
      headers: { trace: 'x' },
      key: undefined,
      notBefore: undefined,
    },
  ])
})

test('hands on when, in which order, by which key, and once', async () => {
  const { items, emails } = harness()
  await emails.enqueueMany([
    { item: 1, options: { delay: '5m', priority: 'urgent', key: 'k', headers: { more: 'y' } } },
    { item: 2, options: { runAt: new Date(1_000), once: { key: 'o', until: 'begun' } } },
    { item: 3, options: { once: { key: 'p', until: '1h' } } },
  ])
  expect(items).toMatchObject([
    { payload: '1', priority: 'urgent', key: 'k', notBefore: { delayMs: 300_000 }, headers: { trace: 'x', more: 'y' } },
    { payload: '2', notBefore: { epochMs: 1_000 }, deduplicate: { key: 'o', until: 'begun' } },
    { payload: '3', deduplicate: { key: 'p', until: 3_600_000 } },
  ])
})

test('refuses what is larger than a mebibyte, and times that contradict each other', async () => {
  const { items, emails } = harness()
  await expect(emails.enqueue('x'.repeat(1024 * 1024))).rejects.toMatchObject({ code: 'TF_ITEM_INVALID' })
  await expect(emails.enqueue(1, { delay: '1s', runAt: new Date() })).rejects.toMatchObject({
    code: 'TF_OPTION_INVALID',
  })
  await expect(emails.enqueue(1, { runAt: new Date('x') })).rejects.toMatchObject({ code: 'TF_OPTION_INVALID' })
  expect(items).toEqual([])
})

test('ids grow with the time, and are never the same', () => {
  const clock = virtualClock()
  const ids = Array.from({ length: 50 }, () => {
    clock.jumpTo(clock.epochMs() + 1)
    return createItemId(clock)
  })
  expect(ids.toSorted()).toEqual(ids)
  expect(new Set([...ids, createItemId(clock)]).size).toBe(51)
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
})
