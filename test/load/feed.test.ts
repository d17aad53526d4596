import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Feed } from '../../src/blueprint/scenario.ts'
import { parseCsv } from '../../src/load/csv.ts'
import { columnsOf, loadFeeds, rowCount, valueAt } from '../../src/load/feed.ts'

let directory = ''
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tenfold feed '))
})
afterAll(() => rm(directory, { recursive: true }))

async function load(feed: Feed) {
  const feeds = await loadFeeds([{ name: 's', feeds: { user: feed }, steps: [] }], directory)
  const loaded = feeds['s']?.['user']
  if (loaded === undefined) throw new Error('expected the feed to be loaded')
  return loaded
}

describe('a feed', () => {
  it('is a sequence with both ends', async () => {
    const feed = await load({ sequence: { from: 5, to: 7 } })
    expect([columnsOf(feed), rowCount(feed), valueAt(feed, 2, 0)]).toEqual([['value'], 3, 7])
  })

  it('is rows, whose missing columns have no value', async () => {
    const feed = await load({ rows: [{ id: 1 }, { id: 2, city: 'Bonn' }] })
    expect(columnsOf(feed)).toEqual(['id', 'city'])
    expect([valueAt(feed, 0, 1), valueAt(feed, 1, 1)]).toEqual([undefined, 'Bonn'])
  })

  it('is a CSV file beside the blueprint', async () => {
    await writeFile(join(directory, 'users.csv'), '\uFEFFid,name\r\n1,"Smith, ""Ann"""\r\n2,"two\nlines"\r\n')
    const feed = await load({ file: 'users.csv' })
    expect([valueAt(feed, 0, 1), valueAt(feed, 1, 1), rowCount(feed)]).toEqual(['Smith, "Ann"', 'two\nlines', 2])
  })

  it.each([
    ['a file that is not there', { file: 'none.csv' }, 'ENOENT'],
    ['a file without rows', { file: 'empty.csv' }, 'at least one row'],
    ['a row with a cell too few', { file: 'torn.csv' }, 'expected 2 cells in row 2'],
    ['a quote that is not closed', { file: 'quote.csv' }, 'row 2'],
    ['an empty sequence', { sequence: { from: 2, to: 1 } }, 'at least one row'],
    ['a sequence of fractions', { sequence: { from: 0.5, to: 2 } }, 'whole numbers'],
    ['no rows', { rows: [] }, 'at least one row'],
  ])('with %s is refused by name', async (_what, feed, problem) => {
    await writeFile(join(directory, 'empty.csv'), 'id,name\n')
    await writeFile(join(directory, 'torn.csv'), 'id,name\n1,a\n2\n')
    await writeFile(join(directory, 'quote.csv'), 'id,name\n1,"a\n')
    const refused = expect(load(feed)).rejects
    await refused.toMatchObject({ code: 'TF_FEED_INVALID', message: expect.stringContaining(problem) })
    await expect(load(feed)).rejects.toThrow('feed "user" of scenario "s"')
  })
})

describe('a CSV text', () => {
  it('comes back as it was written', () => {
    const cell = fc.string({ unit: fc.constantFrom('a', ',', '"', '\n', 'é', ' ') })
    fc.assert(
      fc.property(fc.array(fc.array(cell, { minLength: 2, maxLength: 3 })), (rows) => {
        const quote = (text: string): string => `"${text.replaceAll('"', '""')}"`
        const text = rows.map((row) => `${row.map(quote).join(',')}\r\n`).join('')
        expect(parseCsv(text)).toEqual(rows)
      }),
    )
  })

  it('may end without a line break and have empty cells', () => {
    expect(parseCsv('a,b\n1,')).toEqual([
      ['a', 'b'],
      ['1', ''],
    ])
  })
})
