import { describe, expect, it } from 'vitest'
import { compileJsonPath, JSON_MATCHES_MAX } from '../../src/load/json-path.ts'

const menu = {
  items: [
    { id: 1, tags: ['a'] },
    { id: 2, tags: ['b', 'c'] },
  ],
  total: 0,
  none: null,
}

describe('a JSON path', () => {
  it.each([
    ['total', [0]],
    ['none', [null]],
    ['items.1.id', [2]],
    ['items.*.id', [1, 2]],
    ['items.*.tags.*', ['a', 'b', 'c']],
    ['', [menu]],
    ['missing.deep', []],
    ['total.deep', []],
    ['items.9.id', []],
    ['constructor', []],
    ['items.length', [2]],
  ])('%j finds what stands there', (path, expected) => {
    expect(compileJsonPath(path)(menu)).toEqual(expected)
  })

  it('gives no more matches than its limit', () => {
    const wide = Array.from({ length: 200 }, () => Array.from({ length: 200 }, () => 1))
    expect(compileJsonPath('*.*')(wide).length).toBeLessThanOrEqual(JSON_MATCHES_MAX + 200)
  })
})
