import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { BindingsDocument } from '../../src/service/bindings-document.ts'
import type { BindingsSource } from '../../src/service/bindings-source.ts'
import { openBindings } from '../../src/service/bindings-source.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'
import { temporaryDirectory } from '../fleet/temporary-directory.ts'

function documentOf(term: number): BindingsDocument {
  const shards = [{ url: `postgres://h/orders-${term}`, term }]
  return { layout: 1, service: 'api', databases: { orders: { shards, connectionsMax: 4 } }, services: {} }
}

/** A document that can be replaced, and the terms that its reader was told of. The clock stands still. */
async function stage(): Promise<{
  source: BindingsSource
  terms: number[]
  replace(document: BindingsDocument): void
}> {
  const file = join(temporaryDirectory(), 'api.json')
  const replace = (document: BindingsDocument): void => {
    writeFileSync(`${file}.tmp`, JSON.stringify(document))
    renameSync(`${file}.tmp`, file)
  }
  replace(documentOf(1))
  const terms: number[] = []
  const source = await openBindings({
    env: { TENFOLD_BINDINGS: file },
    clock: virtualClock(),
    onChange: ({ databases }) => void terms.push(databases['orders']?.shards[0]?.term ?? 0),
  })
  onTestFinished(() => source.close())
  return { source, terms, replace }
}

describe('the bindings of a service', () => {
  test('are followed as soon as the document is replaced', async () => {
    const { terms, replace } = await stage()
    replace(documentOf(2))
    await vi.waitFor(() => expect(terms).toEqual([2]), { timeout: 10_000 })
  })

  test('are what they are now after a refresh, which tells of each change once', async () => {
    const { source, terms, replace } = await stage()
    await source.refresh()
    replace(documentOf(2))
    await Promise.all([source.refresh(), source.refresh(), source.refresh()])
    expect(source.current()).toEqual(documentOf(2))
    expect(terms).toEqual([2])
  })
})
