import { expect, test } from 'vitest'
import type { Scenario } from '../../src/blueprint/scenario.ts'
import { stepsOf } from '../../src/rehearsal/route-steps.ts'

const services = {
  web: { name: 'web', routes: ['/'] },
  api: { name: 'api', routes: ['/api', '/orders/'] },
  menu: { name: 'menu', routes: ['/api/menu'] },
  inside: { name: 'inside', routes: [] },
}

function owner(path: string): string | undefined {
  const scenarios: readonly Scenario[] = [{ name: 'visit', steps: [{ name: 'step', path }] }]
  const owners = Object.keys(services).filter((name) => stepsOf(name, services, scenarios).length > 0)
  expect(owners.length).toBeLessThanOrEqual(1)
  return owners[0]
}

const paths: readonly [path: string, service: string][] = [
  ['/', 'web'],
  ['/?page=2', 'web'],
  ['/apis', 'web'],
  ['/api', 'api'],
  ['/api?q=1', 'api'],
  ['/api/', 'api'],
  ['/api/menus', 'api'],
  ['/api/menu', 'menu'],
  ['/api/menu/7?x=/api', 'menu'],
  ['/orders', 'api'],
  ['/orders/{{id}}', 'api'],
  ['/{{page}}', 'web'],
]

test.each(paths)('%s is answered by %s', (path, service) => {
  expect(owner(path)).toBe(service)
})

test('names the steps of every scenario, in order', () => {
  const scenarios: readonly Scenario[] = [
    {
      name: 'a',
      steps: [
        { name: 'one', path: '/api' },
        { name: 'two', path: '/' },
        { name: 'three', path: '/api/x' },
      ],
    },
    { name: 'b', steps: [{ name: 'one', path: '/api' }] },
  ]
  expect(stepsOf('api', services, scenarios)).toEqual([
    { scenario: 'a', step: 'one' },
    { scenario: 'a', step: 'three' },
    { scenario: 'b', step: 'one' },
  ])
  expect(stepsOf('inside', services, scenarios)).toEqual([])
})
