import { describe, expect, test } from 'vitest'
import type { InstanceEnvironmentParts } from '../../src/fleet/instance-environment.ts'
import { databaseVariable, instanceEnvironment, urlVariable } from '../../src/fleet/instance-environment.ts'
import { testService } from './test-service.ts'

const parts: InstanceEnvironmentParts = {
  service: testService({ calls: ['price-list'] }),
  id: 'api-1',
  host: '127.0.0.1',
  port: 4_711,
  urls: { 'price-list': 'http://127.0.0.1:9/price-list', other: 'http://127.0.0.1:9/other' },
  databaseUrls: { 'price-history': 'postgres://service.api:secret@127.0.0.1:4000/price-history' },
  bindingsFile: '/run/api.json',
  node: '/opt/node/bin/node',
  preload: '/a path/src/service/preload.ts',
  isCheckout: true,
  telemetry: { socket: '/run/telemetry.sock', token: 'secret' },
  home: '/tmp',
  surroundings: { PATH: '/usr/bin', TZ: 'UTC', STRIPE: 'sk_1', AWS_SECRET_ACCESS_KEY: 'not yours' },
}

describe('the environment of an instance', () => {
  test('says where it is and where it listens', () => {
    expect(instanceEnvironment(parts)).toMatchObject({
      HOST: '127.0.0.1',
      PORT: '4711',
      TENFOLD_SERVICE: 'api',
      TENFOLD_INSTANCE: 'api-1',
      TENFOLD_BINDINGS: '/run/api.json',
      TENFOLD_TELEMETRY: '/run/telemetry.sock',
    })
  })

  test('says which port to move, of a program that has one of its own and can be helped', () => {
    const withPort = (isMoved: boolean) => {
      const service = testService({ listensOn: { port: 3_000, isMoved } })
      return instanceEnvironment({ ...parts, service })
    }
    expect(withPort(true)).toMatchObject({ PORT: '4711', TENFOLD_LISTENS_ON: '3000' })
    expect(withPort(false)).not.toHaveProperty('TENFOLD_LISTENS_ON')
    expect(instanceEnvironment(parts)).not.toHaveProperty('TENFOLD_LISTENS_ON')
  })

  test('says its zone, where there are zones', () => {
    const inZones = { ...parts, id: 'api-2', service: testService({ zones: ['a', 'b'] }) }
    expect(instanceEnvironment(inZones)).toMatchObject({ TENFOLD_ZONE: 'b' })
    expect(instanceEnvironment(parts)).not.toHaveProperty('TENFOLD_ZONE')
  })

  test('has our Node first on the PATH', () => {
    expect(instanceEnvironment(parts).PATH).toBe('/opt/node/bin:/usr/bin')
    expect(instanceEnvironment({ ...parts, surroundings: {} }).PATH).toMatch(/^\/opt\/node\/bin:.*\/usr\/bin/)
  })

  test('has the URLs of the services that it calls, and no others', () => {
    const env = instanceEnvironment(parts)
    expect(env.TENFOLD_URL_PRICE_LIST).toBe('http://127.0.0.1:9/price-list')
    expect(Object.keys(env).filter((name) => name.startsWith('TENFOLD_URL'))).toHaveLength(1)
    expect(urlVariable('a-b-c')).toBe('TENFOLD_URL_A_B_C')
  })

  test('has the URLs of its databases', () => {
    expect(instanceEnvironment(parts).TENFOLD_DATABASE_PRICE_HISTORY).toContain(':4000/price-history')
    expect(databaseVariable('orders')).toBe('TENFOLD_DATABASE_ORDERS')
  })

  test('gets nothing of ours that it was not given', () => {
    const env = instanceEnvironment(parts)
    expect(env.TZ).toBe('UTC')
    expect(Object.values(env)).not.toContain('not yours')
    expect(Object.values(env)).not.toContain('sk_1')
  })

  test('loads the preload by a URL without spaces, and sources only from a checkout', () => {
    expect(instanceEnvironment(parts).NODE_OPTIONS).toBe(
      '--conditions=tenfold-source --import=file:///a%20path/src/service/preload.ts',
    )
    expect(instanceEnvironment({ ...parts, isCheckout: false }).NODE_OPTIONS).toMatch(/^--import=/)
  })

  test('lets the blueprint have the last word, and resolves secrets by name', () => {
    const service = testService({
      env: {
        NODE_OPTIONS: { kind: 'literal', value: '' },
        STRIPE_KEY: { kind: 'secret', name: 'STRIPE' },
      },
    })
    expect(instanceEnvironment({ ...parts, service })).toMatchObject({ NODE_OPTIONS: '', STRIPE_KEY: 'sk_1' })
  })

  test('names the secret that is missing, and how to set it', () => {
    const service = testService({ env: { KEY: { kind: 'secret', name: 'SHOP_KEY' } } })
    expect(() => instanceEnvironment({ ...parts, service })).toThrow(
      expect.objectContaining({
        code: 'TF_SECRET_MISSING',
        message: expect.stringContaining('SHOP_KEY'),
        hint: expect.stringContaining('export SHOP_KEY='),
      }),
    )
  })
})
