import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { normalisePath } from '../../../src/gateway/exchange/request-path.ts'
import { createRouter, routeInternally } from '../../../src/gateway/router.ts'

describe('normalisePath', () => {
  it.each([
    ['/', '/', ''],
    ['/a/b', '/a/b', ''],
    ['/a?x=1&y=%2F..', '/a', '?x=1&y=%2F..'],
    ['/a/./b', '/a/b', ''],
    ['/a/../b', '/b', ''],
    ['/a/b/..', '/a/', ''],
    ['/a/b/.', '/a/b/', ''],
    ['/%61%2D%7e', '/a-~', ''],
    ['/a/%2e%2E/b', '/b', ''],
    ['/a%c3%a9', '/a%C3%A9', ''],
    ['/a%2fb', '/a%2Fb', ''],
    ['//evil/x', '/evil/x', ''],
    ['/.//x', '/x', ''],
    ['/a//b', '/a//b', ''],
    ['/.well-known/x', '/.well-known/x', ''],
    ['/a/...', '/a/...', ''],
    ['/caf\u00e9', '/caf\u00e9', ''],
  ])('makes %s into %s', (target, path, search) => {
    expect(normalisePath(target)).toMatchObject({ path, search })
  })

  it.each([
    '',
    'a',
    '*',
    '/..',
    '/a/../..',
    '/%2e%2e/a',
    '/a\\b',
    '/a%5cb',
    '/a%00',
    '/a%',
    '/a%4',
    '/a%zz',
    '/a#b',
    '/a?b#c',
    '/a b',
    '/a\tb',
    '/a\u0100',
    '/a%2f..%2fb',
    '/a%2f.',
    '/a/..%2f..%2fb',
  ])('refuses %j', (target) => {
    expect(normalisePath(target)).toBeUndefined()
  })

  it('gives a form that it leaves alone the second time', () => {
    fc.assert(
      fc.property(hostileTarget, (target) => {
        const once = normalisePath(target)
        if (once === undefined) return
        expect(normalisePath(once.path + once.search)).toEqual(once)
      }),
    )
  })

  it('never lets a path out of the prefix that it was routed by, whether the instance decodes it or not', () => {
    const route = createRouter([
      { prefix: '/', service: 'root' },
      { prefix: '/a', service: 'a' },
      { prefix: '/a/b', service: 'b' },
    ])
    const prefixes: Record<string, string> = { root: '/', a: '/a', b: '/a/b' }
    fc.assert(
      fc.property(hostileTarget, (target) => {
        const path = normalisePath(target)
        const match = path === undefined ? undefined : route(path)
        if (path === undefined || match === undefined || match === 'ambiguous') return
        const forwarded = match.target.slice(0, match.target.length - path.search.length)
        for (const seen of [forwarded, decodeOnce(forwarded)]) {
          // What a URL parser makes of it must lie below the prefix as well.
          const { host, pathname } = new URL(seen, 'http://here')
          expect(host).toBe('here')
          expect(`${pathname}/`.startsWith(`${prefixes[match.service]}/`.replace('//', '/'))).toBe(true)
        }
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('createRouter', () => {
  const route = createRouter([
    { prefix: '/', service: 'api' },
    { prefix: '/reports', service: 'legacy' },
    { prefix: '/reports/new/', service: 'fresh' },
  ])
  const serviceOf = (target: string): unknown => {
    const match = route(normalisePath(target)!)
    return typeof match === 'object' ? match.service : match
  }

  it('takes the longest prefix, on whole segments', () => {
    expect(serviceOf('/reports')).toBe('legacy')
    expect(serviceOf('/reports/7?x')).toBe('legacy')
    expect(serviceOf('/reports/new')).toBe('fresh')
    expect(serviceOf('/reports/newer')).toBe('legacy')
    expect(serviceOf('/reportsx')).toBe('api')
    expect(serviceOf('/')).toBe('api')
  })

  it('refuses a path that another service would get once its slashes are decoded', () => {
    expect(serviceOf('/reports%2F7')).toBe('ambiguous')
    expect(serviceOf('/reports/a%2Fb')).toBe('legacy')
  })

  it('finds nothing where nothing matches', () => {
    expect(createRouter([{ prefix: '/a', service: 'a' }])(normalisePath('/b')!)).toBeUndefined()
  })

  it('forwards path and query whole', () => {
    expect(route(normalisePath('/reports/./7?x=1')!)).toEqual({ service: 'legacy', target: '/reports/7?x=1' })
  })
})

describe('routeInternally', () => {
  it.each([
    ['/api/x/y?z=1', 'api', '/x/y?z=1'],
    ['/api', 'api', '/'],
    ['/api/', 'api', '/'],
    ['/api?z', 'api', '/?z'],
    ['/api//x', 'api', '/x'],
    ['/api/a%2Fb', 'api', '/a%2Fb'],
  ])('reads %s as service %s, path %s', (target, service, forwarded) => {
    expect(routeInternally(normalisePath(target)!)).toEqual({ service, target: forwarded })
  })

  it('refuses an encoded slash in the name of the service', () => {
    expect(routeInternally(normalisePath('/api%2Fx')!)).toBe('ambiguous')
  })

  it('finds no service in the root', () => {
    expect(routeInternally(normalisePath('/')!)).toBeUndefined()
  })
})

function decodeOnce(path: string): string {
  return path.replaceAll(/%([0-9a-f]{2})/gi, (_escape, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}

/** Paths made of everything that has ever confused a proxy. */
const hostileTarget = fc
  .array(
    fc.constantFrom(
      '/',
      '//',
      '.',
      '..',
      '%2e',
      '%2E%2e',
      '%2f',
      '%2F',
      '%5c',
      '\\',
      '%00',
      '%',
      '%25',
      'a',
      'b',
      ';',
      '?',
      '%61',
      ':',
      '@',
    ),
    { maxLength: 12 },
  )
  .map((parts) => `/${parts.join('')}`)
