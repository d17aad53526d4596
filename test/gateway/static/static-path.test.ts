import * as fc from 'fast-check'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { normalisePath } from '../../../src/gateway/exchange/request-path.ts'
import { isHashedName, staticSegments } from '../../../src/gateway/static/static-path.ts'

describe('the path of a file', () => {
  test.each([
    ['/', ['/'], ['']],
    ['/a/b.js', ['/'], ['a', 'b.js']],
    ['/app', ['/app'], []],
    ['/app/', ['/app'], ['']],
    ['/app/x%20y.css', ['/', '/app'], ['x y.css']],
    ['/application/x', ['/', '/app'], ['application', 'x']],
    ['/.well-known/acme', ['/'], ['.well-known', 'acme']],
  ])('of %s below %s is %s', (path, routes, segments) => {
    expect(staticSegments(path, routes)).toEqual(segments)
  })

  test.each([
    '/.env',
    '/a/.git/config',
    '/a%2Fb',
    '/a%5Cb',
    '/%00',
    '/%ff',
    '/..%2f..%2fetc%2fpasswd',
    '/x/%2e%2e/y/..',
  ])('of %s is none', (path) => {
    expect(staticSegments(path, ['/'])).toBeUndefined()
  })

  test('never leads out of the directory, whatever is asked for', () => {
    const piece = fc.constantFrom(
      '..',
      '.',
      '%2e',
      '%2F',
      '%5c',
      '/',
      '\\',
      'a',
      '%00',
      '%25',
      'etc',
      '?',
      '#',
      '\u00e9',
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const path = normalisePath(`/${pieces.join('')}`)?.path
        if (path === undefined) return
        const segments = staticSegments(path, ['/'])
        if (segments !== undefined) expect(`${join('/srv/dist', ...segments)}/`).toMatch(/^\/srv\/dist\//)
      }),
    )
  })
})

test.each([
  ['index-BZ3k2x9A.js', true],
  ['index-DiwrgTda.css', true],
  ['main.3f2a1b9c.js', true],
  ['main.3f2a1b9c4d5e6f70.chunk.js', true],
  ['logo-Ck2m91zB.svg', true],
  ['index.html', false],
  ['jquery-something.js', false],
  ['hello-worldwide.js', false],
  ['my-composer.js', false],
  ['main.deadbeef.js', false],
  ['favicon.ico', false],
])('that %s carries a hash is %s', (name, isHashed) => {
  expect(isHashedName(name)).toBe(isHashed)
})
