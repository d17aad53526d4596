import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createSnapshotStore } from '../../src/control/snapshot-store.ts'
import type { SystemSnapshot } from '../../src/control/snapshot.ts'
import { snapshotForTests } from './snapshot-for-tests.ts'

const withPid =
  (pid: number) =>
  (snapshot: SystemSnapshot): SystemSnapshot => ({ ...snapshot, pid })

describe('update', () => {
  test('raises the version by one with each change', () => {
    const store = createSnapshotStore(snapshotForTests())
    store.update(withPid(2))
    store.update((snapshot) => ({ ...snapshot, version: 99, pid: 3 }))

    expect(store.current()).toEqual(snapshotForTests({ version: 3, pid: 3 }))
  })

  test('keeps the version, and the very object, when nothing changed', () => {
    const store = createSnapshotStore(snapshotForTests())
    const before = store.current()
    store.update((snapshot) => structuredClone(snapshot))

    expect(store.current()).toBe(before)
  })

  test('leaves a snapshot that somebody holds as it was', () => {
    const store = createSnapshotStore(snapshotForTests())
    const held = store.current()
    store.update(withPid(2))

    expect(held.pid).toBe(1)
  })
})

describe('watch', () => {
  test('begins with the snapshot there is when that is newer than what the watcher has', async () => {
    const store = createSnapshotStore(snapshotForTests())

    expect((await store.watch().next()).value).toMatchObject({ version: 1 })
  })

  test('waits for a change when the watcher has the newest', async () => {
    const store = createSnapshotStore(snapshotForTests())
    const next = store.watch(1).next()
    store.update(withPid(7))

    expect((await next).value).toMatchObject({ version: 2, pid: 7 })
  })

  test('gives a slow watcher only the newest', async () => {
    const store = createSnapshotStore(snapshotForTests())
    const watch = store.watch()
    await watch.next()
    for (let pid = 2; pid <= 1000; pid++) store.update(withPid(pid))

    expect((await watch.next()).value).toMatchObject({ version: 1000, pid: 1000 })
    store.close()
    expect((await watch.next()).done).toBe(true)
  })

  test('ends with its signal', async () => {
    const store = createSnapshotStore(snapshotForTests())
    const controller = new AbortController()
    const next = store.watch(1, controller.signal).next()
    controller.abort()

    expect((await next).done).toBe(true)
  })

  test('shows the last state once before it ends with its signal, however often that changes', async () => {
    const store = createSnapshotStore(snapshotForTests())
    const watch = store.watch(1, AbortSignal.abort())
    store.update(withPid(2))

    expect((await watch.next()).value).toMatchObject({ pid: 2 })
    store.update(withPid(3))
    expect((await watch.next()).done).toBe(true)
  })

  test('shows the last state before it ends with the store', async () => {
    const store = createSnapshotStore(snapshotForTests())
    const watch = store.watch(1)
    store.update(withPid(9))
    store.close()

    expect((await watch.next()).value).toMatchObject({ pid: 9 })
    expect((await watch.next()).done).toBe(true)
  })

  test('goes up in version and ends at the last state, however updates and readings mix', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom('update', 'read'), { maxLength: 50 }), async (steps) => {
        const store = createSnapshotStore(snapshotForTests())
        const watch = store.watch()
        const seen: number[] = []
        const read = async (): Promise<void> => {
          const { value } = await watch.next()
          if (value !== undefined) seen.push(value.version)
        }
        for (const step of steps) {
          if (step === 'update') store.update((snapshot) => ({ ...snapshot, pid: snapshot.pid + 1 }))
          else if (store.current().version > (seen.at(-1) ?? 0)) await read()
        }
        store.close()
        await read()
        expect(seen.at(-1)).toBe(store.current().version)
        expect(seen).toEqual([...new Set(seen)].sort((a, b) => a - b))
      }),
    )
  })
})

test('newerThan gives what there is when the wait is given up', async () => {
  const store = createSnapshotStore(snapshotForTests())
  const controller = new AbortController()
  const waiting = store.newerThan(1, controller.signal)
  controller.abort()

  expect(await waiting).toBe(store.current())
})
