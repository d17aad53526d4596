import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { ResolvedBlueprint } from '../../src/blueprint/resolved-blueprint.ts'
import { systemClock } from '../../src/core/clock.ts'
import { TenfoldError } from '../../src/core/errors.ts'
import type { Finding, Result } from '../../src/doctor/check.ts'
import { check, runChecks } from '../../src/doctor/check.ts'
import { blueprintChecks } from '../../src/doctor/checks/blueprint.ts'
import { directoryChecks } from '../../src/doctor/checks/directory.ts'
import { MACHINE_CHECKS } from '../../src/doctor/checks/machine.ts'
import type { Probes } from '../../src/doctor/probes.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'
import { testService } from '../fleet/test-service.ts'
import { selfSigned, writePair } from '../gateway/tls/self-signed-for-tests.ts'
import { fakeProbes } from './fake-probes.ts'

const resources = { cpu: undefined, memoryBytes: undefined }
const blueprint: ResolvedBlueprint = {
  name: 'shop',
  file: '/app/tenfold.config.ts',
  directory: '/app',
  configuration: 'tenfold',
  gateway: {
    host: '127.0.0.1',
    port: 8080,
    isPortGiven: true,
    headers: { bytesMax: 16_384, countMax: 100 },
    certificates: [],
  },
  databases: {
    orders: { name: 'orders', engine: { kind: 'embedded' }, migrations: [], seeds: [], resources },
    users: {
      name: 'users',
      engine: { kind: 'server', urlVariable: 'USERS_URL' },
      migrations: [],
      seeds: [],
      resources,
    },
  },
  topics: {},
  queues: {},
  services: {
    web: testService({
      program: { kind: 'command', command: 'LEVEL=1 python3 app.py && true' },
      env: { KEY: { kind: 'secret', name: 'STRIPE' }, LOG: { kind: 'literal', value: 'info' } },
    }),
    api: testService({ name: 'api', program: { kind: 'command', command: 'node_modules/.bin/next start' } }),
  },
  objectives: {},
  load: undefined,
}
const environment = { USERS_URL: 'postgres://there', STRIPE: 'sk' }

function examine(
  changes: Partial<Probes>,
  of: ResolvedBlueprint | 'no blueprint' = blueprint,
): Promise<readonly Result[]> {
  const ofBlueprint = blueprintChecks(of === 'no blueprint' ? undefined : of)
  const checks = [...MACHINE_CHECKS, ...directoryChecks('/app'), ...ofBlueprint]
  return runChecks(checks, fakeProbes({ environment, ...changes }), virtualClock())
}

const throws = (code: ConstructorParameters<typeof TenfoldError>[0]) => async (): Promise<never> => {
  throw new TenfoldError(code, 'expected it to be there, it is not', { hint: 'put it there' })
}

describe('a machine on which all is well', () => {
  test('passes every check', async () => {
    expect((await examine({})).filter(({ verdict }) => verdict !== 'ok')).toEqual([])
  })

  test('is looked at without a blueprint, too', async () => {
    const names = (await examine({}, 'no blueprint')).map(({ name }) => name)
    expect(names).toContain('PostgreSQL')
    expect(names).not.toContain('secrets')
  })

  test('needs no PostgreSQL for a blueprint that has none', async () => {
    const results = await examine({ postgresVersion: throws('TF_POSTGRES_MISSING') }, { ...blueprint, databases: {} })
    expect(results.filter(({ verdict }) => verdict !== 'ok')).toEqual([])
  })

  test('says what is missing of an engine of topics', async () => {
    const engine = { kind: 'kafka', database: 'orders', urlVariable: 'KAFKA_URL' } as const
    const topic = {
      name: 'placed',
      engine,
      key: 'id',
      isStrict: false,
      partitions: 1,
      retentionMs: 1,
      keepUnreadMs: undefined,
      hasSchema: false,
    }
    const shop = { ...blueprint, topics: { placed: topic } }
    const kafka = async (changes: Partial<Probes>): Promise<unknown> =>
      (await examine(changes, shop)).find(({ name }) => name === 'Kafka at $KAFKA_URL')
    expect(await kafka({})).toMatchObject({ verdict: 'problem', found: '$KAFKA_URL is not set' })
    const isSet = { environment: { ...environment, KAFKA_URL: 'kafka://one' } }
    expect(await kafka(isSet)).toMatchObject({ verdict: 'ok' })
    expect(await kafka({ ...isSet, hasPackage: () => false })).toMatchObject({
      todo: 'npm install @platformatic/kafka',
    })
  })

  test('may be one whose gateway runs already', async () => {
    const running = { isPortFree: async () => false, runningGatewayPort: async () => 8_080 }
    expect((await examine(running)).filter(({ verdict }) => verdict !== 'ok')).toEqual([])
  })
})

/** What is wrong with the machine, and what has to be said of it, and of nothing else. */
const AILMENTS: readonly (readonly [string, Partial<Probes>, string, Finding['verdict']])[] = [
  ['an old Node', { nodeVersion: '22.18.9' }, 'Node.js', 'problem'],
  ['a very old Node', { nodeVersion: '20.20.2' }, 'Node.js', 'problem'],
  ['macOS', { platform: 'darwin' }, 'platform', 'warning'],
  ['Windows', { platform: 'win32' }, 'platform', 'problem'],
  ['another processor', { architecture: 'riscv64' }, 'platform', 'warning'],
  ['one processor', { processors: () => 1 }, 'processors', 'warning'],
  ['little memory', { memoryAvailableBytes: () => 600 * 1024 ** 2 }, 'memory', 'warning'],
  ['hardly any memory', { memoryAvailableBytes: () => 100 * 1024 ** 2 }, 'memory', 'problem'],
  [
    'root without an account for children',
    {
      childUser: () => {
        throw new TenfoldError('TF_CHILD_USER_MISSING', 'expected an account', { hint: 'create one' })
      },
    },
    'account',
    'problem',
  ],
  ['no control groups', { limitsNotEnforced: () => 'read-only file system' }, 'limits', 'warning'],
  ['half of them', { limitsNotEnforced: (limit) => (limit === 'cpu' ? 'no' : undefined) }, 'limits', 'warning'],
  ['few open files', { openFilesMax: () => 1_024 }, 'open files', 'warning'],
  ['very few open files', { openFilesMax: () => 255 }, 'open files', 'problem'],
  ['no place for sockets', { tryRuntimeDirectory: throws('TF_SOCKET_UNUSABLE') }, 'sockets', 'problem'],
  ['Latin-1', { environment: { ...environment, LC_ALL: 'de_DE.ISO-8859-1' } }, 'locale', 'warning'],
  ['a full disk', { diskFreeBytes: async () => 1024 ** 2 }, 'disk', 'problem'],
  ['a disk that is nearly full', { diskFreeBytes: async () => 1024 ** 3 }, 'disk', 'warning'],
  ['a slow disk', { durableWriteMs: async () => 45 }, 'durable writes', 'warning'],
  [
    'a directory that may not be written',
    { durableWriteMs: throws('TF_DIRECTORY_UNUSABLE') },
    'durable writes',
    'problem',
  ],
  ['a clock that went back', { epochMs: () => 0, fileSystemEpochMs: async () => 0 }, 'clock', 'warning'],
  ['a file system of another time', { fileSystemEpochMs: async () => 0 }, 'clock', 'warning'],
  ['a port that is taken', { isPortFree: async () => false }, 'gateway port', 'problem'],
  ['no PostgreSQL', { postgresVersion: throws('TF_POSTGRES_MISSING') }, 'PostgreSQL', 'problem'],
  ['a server that is down', { serverVersion: throws('TF_DATABASE_UNREACHABLE') }, 'database users', 'problem'],
  ['a server without an address', { environment: { STRIPE: 'sk' } }, 'database users', 'problem'],
  ['a secret that is missing', { environment: { USERS_URL: 'postgres://there' } }, 'secrets', 'problem'],
  ['a program that is missing', { hasProgram: async (name) => name !== 'python3' }, 'programs', 'problem'],
  ['no Kysely', { hasPackage: () => false }, 'Kysely', 'warning'],
]

describe('what is wrong is said, with what to do, and nothing else is', () => {
  test.each(AILMENTS)('%s', async (_, changes, name, verdict) => {
    const wrong = (await examine(changes)).filter((result) => result.verdict !== 'ok')
    expect(wrong).toMatchObject([{ name, verdict, todo: expect.stringMatching(/\w/) }])
  })

  test('a port that nobody insists on is only a warning', async () => {
    const wrong = (await examine({ isPortFree: async () => false }, 'no blueprint')).filter(
      ({ verdict }) => verdict !== 'ok',
    )
    expect(wrong).toMatchObject([{ name: 'gateway port', verdict: 'warning' }])
  })

  test('where data goes that the children could not reach is said', async () => {
    const results = await examine({ canEnter: async () => false })
    expect(results.find(({ name }) => name === 'place of the data')?.found).toContain('/var/lib/tenfold')
  })

  test('secrets are never shown', async () => {
    const results = await examine({ environment: { USERS_URL: 'postgres://u:hunter2@there', STRIPE: 'hunter2' } })
    expect(JSON.stringify(results)).not.toContain('hunter2')
  })
})

test('a check that never ends is a problem, and the others are made', async () => {
  const clock = virtualClock()
  const endless = check({
    name: 'endless',
    why: 'w',
    observe: () => new Promise<never>(() => undefined),
    judge: () => ({ verdict: 'ok', found: '' }),
  })
  const fine = check({
    name: 'fine',
    why: 'w',
    observe: () => 1,
    judge: (found) => ({ verdict: 'ok', found: String(found) }),
  })
  const results = runChecks([endless, fine], fakeProbes(), clock)
  await clock.advance(20_000)
  expect(await results).toMatchObject([
    { name: 'endless', verdict: 'problem' },
    { name: 'fine', verdict: 'ok' },
  ])
})

describe('a certificate of the gateway', () => {
  const DAY_MS = 86_400_000

  test.each([
    [30, 'ok'],
    [10, 'warning'],
    [-1, 'problem'],
  ] as const)('that ends in %i days is: %s', async (days, verdict) => {
    const directory = await mkdtemp(join(tmpdir(), 'tenfold doctor '))
    const files = await writePair(directory, selfSigned({ fromDays: -60, days: 30 }))
    const gateway = { ...blueprint.gateway, certificates: [files] }
    const epochMs = (): number => systemClock.epochMs() + (30 - days) * DAY_MS
    const found = (await examine({ epochMs }, { ...blueprint, gateway })).find(({ name }) =>
      name.startsWith('certificate'),
    )
    expect(found).toMatchObject({ name: 'certificate cert.pem', verdict })
    await rm(directory, { recursive: true })
  })

  test('that is not there is a problem', async () => {
    const gateway = { ...blueprint.gateway, certificates: [{ certificate: '/nowhere/a.pem', key: '/nowhere/b.pem' }] }
    const found = (await examine({}, { ...blueprint, gateway })).find(({ name }) => name === 'certificate a.pem')
    expect(found).toMatchObject({ verdict: 'problem', found: expect.stringContaining('/nowhere/') })
  })
})
