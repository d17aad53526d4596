import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { z } from 'zod'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { checkBlueprint } from '../../src/blueprint/check.ts'
import type { Problem } from '../../src/blueprint/problem.ts'
import type { ResolvedBlueprint } from '../../src/blueprint/resolved-blueprint.ts'
import { system as everything } from '../types/good.ts'
import { TenfoldError } from '../../src/core/errors.ts'
import { DEFAULT_TRAFFIC } from '../../src/blueprint/resolved-traffic.ts'

let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'tenfold check '))
  mkdirSync(join(directory, 'migrations'))
  for (const file of ['server.ts', 'seed.ts', 'sign.ts', 'users.csv', 'day.csv', 'migrations/0001.sql']) {
    writeFileSync(join(directory, file), file === 'users.csv' ? 'id,first name\r\n1,Ann\r\n' : '')
  }
})
afterAll(() => rmSync(directory, { recursive: true }))

const check = (value: unknown): ResolvedBlueprint => checkBlueprint(value, { file: join(directory, 'shop.config.ts') })
const web = { entry: './server.ts', routes: ['/'] }

function problemsOf(value: unknown): readonly Problem[] {
  try {
    check(value)
  } catch (error) {
    expect(error).toBeInstanceOf(TenfoldError)
    return (error as TenfoldError).details['problems'] as readonly Problem[]
  }
  return []
}

describe('checkBlueprint', () => {
  test('knows every option that the types have', () => {
    const other = problemsOf(everything).filter(({ code }) => code !== 'TF_NOT_IMPLEMENTED')
    // The files of that blueprint do not exist; nothing else is wrong with it.
    expect(other.filter(({ message }) => !/^expected a (?:file|directory) at /.test(message))).toEqual([])
  })

  test('fills every default in', () => {
    expect(check({ name: 'shop', services: { web: { command: 'python3 app.py' } } })).toEqual({
      name: 'shop',
      file: join(directory, 'shop.config.ts'),
      directory,
      configuration: 'shop',
      gateway: {
        host: '127.0.0.1',
        port: 8080,
        isPortGiven: false,
        headers: { bytesMax: 16_384, countMax: 100 },
        certificates: [],
      },
      databases: {},
      topics: {},
      queues: {},
      services: {
        web: {
          name: 'web',
          program: { kind: 'command', command: 'python3 app.py' },
          listensOn: undefined,
          routes: [],
          databases: [],
          publishes: [],
          consumes: [],
          enqueues: [],
          works: [],
          connectsTo: [],
          calls: [],
          env: {},
          instances: { min: 1, desired: 1, max: 1 },
          scale: undefined,
          resources: { cpu: undefined, memoryBytes: undefined },
          health: undefined,
          startTimeoutMs: 30_000,
          stopTimeoutMs: 10_000,
          requestTimeoutMs: 30_000,
          traffic: DEFAULT_TRAFFIC,
        },
      },
      objectives: {},
      load: undefined,
    })
  })

  test('puts a topic into the database that it names, or into the first without shards, and lets its services in', () => {
    const { topics, services } = check({
      name: 'shop',
      databases: { orders: {}, events: {} },
      topics: {
        placed: { key: 'id', partitions: 4, order: 'strict', event: z.object({ id: z.string() }) },
        paid: { key: 'id', partitions: 2, database: 'events', retention: '1h', event: {} },
        sent: { key: 'id', partitions: 2, engine: 'kafka', url: { env: 'KAFKA_URL' }, database: 'events' },
      },
      services: {
        web: { ...web, databases: ['orders'], publishes: ['placed', 'paid'] },
        mail: { entry: './server.ts', consumes: ['paid'] },
      },
    })
    expect(topics).toEqual({
      placed: {
        name: 'placed',
        engine: { kind: 'postgres', database: 'orders' },
        key: 'id',
        partitions: 4,
        retentionMs: 7 * 86_400_000,
        isStrict: true,
        hasSchema: true,
      },
      paid: {
        name: 'paid',
        engine: { kind: 'postgres', database: 'events' },
        key: 'id',
        partitions: 2,
        retentionMs: 3_600_000,
        isStrict: false,
        hasSchema: false,
      },
      sent: {
        name: 'sent',
        engine: { kind: 'kafka', database: 'events', urlVariable: 'KAFKA_URL' },
        key: 'id',
        isStrict: false,
        partitions: 2,
        retentionMs: 7 * 86_400_000,
        hasSchema: false,
      },
    })
    expect(services['web']).toMatchObject({ databases: ['orders'], connectsTo: ['orders', 'events'] })
    expect(services['mail']).toMatchObject({ databases: [], connectsTo: ['events'] })
  })

  test('resolves units, paths and references', () => {
    const resolved = check({
      name: 'shop',
      gateway: { port: 0, host: '0.0.0.0' },
      databases: {
        orders: {
          tables: {},
          migrations: './migrations',
          seed: ['./seed.ts'],
          resources: { cpu: 0.5, memory: '1GiB' },
          replicas: 0,
        },
        users: { engine: 'postgres', url: { env: 'USERS_URL' } },
      },
      services: {
        web: {
          ...web,
          port: 3_000,
          routes: ['/', { path: '/shop/', timeout: '2m' }],
          databases: ['orders', 'users'],
          calls: ['api'],
          publishes: [],
          env: { LOG: 'info', KEY: { secret: 'stripe' } },
          instances: { min: 2, max: 4 },
          resources: { memory: '256MiB' },
          health: '/ready',
          startTimeout: '1m',
          stopTimeout: '500ms',
          timeout: '2s',
          traffic: {
            balance: { by: 'ring-hash', key: { header: 'X-User' } },
            inFlight: { soft: 10, hard: 20 },
            queue: { timeout: '1s' },
          },
        },
        api: {
          entry: './server.ts',
          instances: { desired: 3 },
          traffic: { slowStart: '30s', inFlight: { hard: 4 }, queue: { length: 0 } },
        },
      },
      objectives: { web: { availability: 0.999, latency: { 'p99.9': '1s', p50: '20ms' } } },
    })
    expect(resolved.gateway).toMatchObject({ host: '0.0.0.0', port: 0, isPortGiven: true })
    expect(resolved.databases).toEqual({
      orders: {
        name: 'orders',
        engine: { kind: 'embedded' },
        migrations: [join(directory, 'migrations')],
        seeds: [join(directory, 'seed.ts')],
        resources: { cpu: 0.5, memoryBytes: 1024 ** 3 },
      },
      users: {
        name: 'users',
        engine: { kind: 'server', urlVariable: 'USERS_URL' },
        migrations: [],
        seeds: [],
        resources: { cpu: undefined, memoryBytes: undefined },
      },
    })
    expect(resolved.services['web']).toMatchObject({
      program: { kind: 'entry', entry: join(directory, 'server.ts') },
      routes: ['/', '/shop'],
      routeTimeoutsMs: { '/shop': 120_000 },
      env: { LOG: { kind: 'literal', value: 'info' }, KEY: { kind: 'secret', name: 'stripe' } },
      instances: { min: 2, desired: 2, max: 4 },
      startTimeoutMs: 60_000,
      stopTimeoutMs: 500,
      requestTimeoutMs: 2_000,
    })
    expect(resolved.services['web']?.traffic).toEqual({
      ...DEFAULT_TRAFFIC,
      balance: { by: 'ring-hash', key: { header: 'x-user' } },
      inFlight: { soft: 10, hard: 20 },
      queue: { length: 1_024, timeoutMs: 1_000 },
    })
    expect(resolved.services['api']?.traffic).toEqual({
      ...DEFAULT_TRAFFIC,
      slowStartMs: 30_000,
      inFlight: { soft: 4, hard: 4 },
      queue: { length: 0, timeoutMs: undefined },
    })
    expect(resolved.services['web']?.listensOn).toEqual({ port: 3_000, isMoved: true })
    expect(resolved.services['api']?.instances).toEqual({ min: 1, desired: 3, max: 3 })
    expect(resolved.objectives).toEqual({
      web: {
        service: 'web',
        availability: 0.999,
        latency: [
          { percentile: 50, boundMs: 20 },
          { percentile: 99.9, boundMs: 1_000 },
        ],
      },
    })
  })

  test('keeps scenarios as written, with absolute paths', () => {
    const steps = [
      {
        name: 'sign in',
        method: 'POST',
        path: '/sessions?from={{ user.first name }}',
        json: { id: '{{user.id}}', tags: ['{{day.value}}', null, 1] },
        extract: { token: { json: '' } },
        check: { status: [200, 201], json: { ok: null } },
      },
      { name: 'menu', path: '{{token}}', think: { mean: '2s' }, code: { module: './sign.ts', export: 'sign' } },
    ]
    const feeds = { user: { file: './users.csv' }, day: { sequence: { from: 1, to: 7 }, pick: 'sequential' } }
    const { load } = check({
      name: 'shop',
      services: { web },
      load: {
        peak: '30 sessions/min',
        scenarios: [{ name: 'dinner', weight: 2, feeds, steps }],
        arrivals: { shape: 'trace', file: 'day.csv' },
        timeScale: 60,
      },
    })
    expect(load).toMatchObject({ peakPerSecond: 0.5, durationMs: 30_000, timeScale: 60 })
    expect(load?.arrivals).toEqual({ shape: 'trace', file: join(directory, 'day.csv') })
    expect(load?.scenarios).toEqual([
      {
        name: 'dinner',
        weight: 2,
        feeds: { ...feeds, user: { file: join(directory, 'users.csv') } },
        steps: [steps[0], { ...steps[1], code: { module: join(directory, 'sign.ts'), export: 'sign' } }],
      },
    ])
  })

  test('finds the columns of a CSV file', () => {
    const scenario = {
      name: 'a',
      feeds: { user: { file: './users.csv' } },
      steps: [{ name: 's', path: '/{{user.name}}' }],
    }
    const load = { peak: '1 sessions/s', scenarios: [scenario] }
    expect(problemsOf({ name: 'shop', services: { web }, load })).toMatchObject([{ hint: "use 'id' or 'first name'" }])
  })

  test('says that only later versions run something, when nothing else is wrong', () => {
    const caches = { menu: { ttl: '1h' } }
    const refused = { code: 'TF_NOT_IMPLEMENTED' }
    expect(() => check({ name: 'shop', services: { web }, caches })).toThrow(expect.objectContaining(refused))
    const invalid = { code: 'TF_BLUEPRINT_INVALID' }
    expect(() => check({ name: 'Shop', services: { web }, caches })).toThrow(expect.objectContaining(invalid))
  })

  test('gives each problem a path, a code, a message and a hint', () => {
    expect(problemsOf({ name: 'shop', services: { web: { ...web, instances: { min: 3, max: 2 } } } })).toEqual([
      {
        path: 'services.web.instances.max',
        code: 'TF_BLUEPRINT_INVALID',
        message: 'expected instances.min, 3, or more, got 2',
        hint: "raise 'max', or lower 'min'",
      },
    ])
  })

  test('does not take names from the prototype of an object', () => {
    const services = { web: { ...web, databases: ['constructor'], toString: 1 } }
    expect(problemsOf({ name: 'shop', services }).map(({ path }) => path)).toEqual([
      'services.web.toString',
      'services.web.databases[0]',
    ])
  })

  test('stops at JSON that contains itself', () => {
    const json: Record<string, unknown> = {}
    json['again'] = json
    const load = {
      peak: '1 sessions/s',
      scenarios: [{ name: 'a', steps: [{ name: 's', method: 'POST', path: '/', json }] }],
    }
    expect(problemsOf({ name: 'shop', services: { web }, load })).toMatchObject([{ hint: 'does it contain itself?' }])
  })

  test('takes a hundred services that all call each other in one direction', () => {
    const names = Array.from({ length: 100 }, (_, i) => `s${i}`)
    const services = Object.fromEntries(
      names.map((name, i) => [name, { entry: './server.ts', calls: names.slice(i + 1) }]),
    )
    expect(problemsOf({ name: 'shop', services })).toEqual([])
  })

  test('refuses whatever else it is given, and never fails in another way', () => {
    const options = ['name', 'services', 'databases', 'caches', 'topics', 'objectives', 'load', 'alerts', 'gateway']
    const inner = [
      'entry',
      'command',
      'routes',
      'env',
      'instances',
      'scale',
      'calls',
      'key',
      'shards',
      'by',
      'url',
      'ttl',
      'metric',
    ]
    const more = [
      'peak',
      'scenarios',
      'arrivals',
      'steps',
      'feeds',
      'rows',
      'json',
      'extract',
      'check',
      'path',
      'latency',
    ]
    const key = fc.constantFrom(...options, ...inner, ...more)
    const { value } = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 6, withCrossShrink: true },
        fc.constantFrom<unknown>('/', './server.ts', 'hash', 'cpu', '5s', 7, null, undefined, true, '{{a.b}}', '{{'),
        fc.anything(),
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(key, tie('value'), { maxKeys: 5 }),
      ),
    }))
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...options), value), (given) => {
        for (const problem of problemsOf(given)) {
          expect(problem.message).not.toMatch(/\[object|undefined/)
          expect(problem.hint).not.toBe('')
        }
      }),
      { numRuns: 500 },
    )
  })
})
