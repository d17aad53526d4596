import { describe, expect, it } from 'vitest'
import { parseGatewayConfig } from '../../src/gateway/parse-gateway-config.ts'

const good = {
  version: 3,
  routes: [
    { prefix: '/', service: 'api' },
    { prefix: '/slow', service: 'api', requestTimeoutMs: 120_000 },
  ],
  services: { api: { requestTimeoutMs: 100, endpoints: [{ id: 'api-1', host: '127.0.0.1', port: 8000, weight: 2 }] } },
  doors: { orders: { port: 9000, primary: { port: 9001, term: 2 } }, catalog: { port: 9002 } },
}

describe('parseGatewayConfig', () => {
  it('takes what the control plane sends', () => {
    expect(parseGatewayConfig(JSON.parse(JSON.stringify(good)))).toEqual(good)
  })

  it('takes a canary with what it gets besides its share', () => {
    const match = { key: { header: 'x-canary' }, value: '1' }
    const canary = { id: 'api-2', host: '127.0.0.1', port: 8001, isCanary: true, match }
    const config = { ...good, services: { api: { ...good.services.api, endpoints: [canary] } } }
    expect(parseGatewayConfig(JSON.parse(JSON.stringify(config)))).toEqual(config)
    const wrong = { ...canary, match: { key: 'client', value: '1' } }
    expect(() =>
      parseGatewayConfig({ ...good, services: { api: { ...good.services.api, endpoints: [wrong] } } }),
    ).toThrow('services.api.endpoints[0].match.key')
  })

  it.each([
    ['config', null],
    ['config', []],
    ['version', { ...good, version: '3' }],
    ['routes', { ...good, routes: {} }],
    ['routes[0].prefix', { ...good, routes: [{ prefix: '/a/../b', service: 'api' }] }],
    ['routes[0].service', { ...good, routes: [{ prefix: '/', service: 'apj' }] }],
    ['services.api.requestTimeoutMs', { ...good, services: { api: { requestTimeoutMs: 0, endpoints: [] } } }],
    [
      'services.api.endpoints[0].port',
      { ...good, services: { api: { requestTimeoutMs: 1, endpoints: [{ id: 'a', host: 'h', port: 70_000 }] } } },
    ],
    [
      'services.api.endpoints[0].weight',
      { ...good, services: { api: { requestTimeoutMs: 1, endpoints: [{ id: 'a', host: 'h', port: 7, weight: 0 }] } } },
    ],
    ['doors', { ...good, doors: [] }],
    ['doors.orders.port', { ...good, doors: { orders: { port: 0 } } }],
    ['doors.orders.primary.port', { ...good, doors: { orders: { port: 1, primary: { port: 0, term: 1 } } } }],
    ['doors.orders.primary.term', { ...good, doors: { orders: { port: 1, primary: { port: 1, term: 0 } } } }],
  ])('says that %s is wrong', (path, value) => {
    expect(() => parseGatewayConfig(value)).toThrow(
      expect.objectContaining({ code: 'TF_INPUT_INVALID', details: { path } }),
    )
  })
})
