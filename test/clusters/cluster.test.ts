import { describe, expect, test } from 'vitest'
import type { ClusterOptions } from '../../src/clusters/cluster-options.ts'
import { createCluster } from '../../src/clusters/cluster.ts'
import { initdbArguments } from '../../src/clusters/initialise-data.ts'
import { formatSeedMessage, parseSeedMessage } from '../../src/clusters/seed-message.ts'
import { serverArguments } from '../../src/clusters/server-settings.ts'
import { explainFailure } from '../../src/clusters/start-failure.ts'

const unused = {} as Pick<ClusterOptions, 'binaries' | 'subprocesses'>

describe('cluster', () => {
  test.each(['Orders', '1st', 'a b', '', 'postgres', 'template1', 'pg_orders', 'a'.repeat(64), "a'"])(
    'refuses the name "%s"',
    (name) => {
      expect(() =>
        createCluster({
          ...unused,
          name,
          dataDirectory: '/nowhere',
          socketDirectory: '/nowhere',
          logFile: '/nowhere/log',
        }),
      ).toThrow(expect.objectContaining({ code: 'TF_OPTION_INVALID' }))
    },
  )

  test('has no address before it was started', () => {
    const cluster = createCluster({
      ...unused,
      name: 'orders',
      dataDirectory: '/nowhere',
      socketDirectory: '/nowhere',
      logFile: '/nowhere/log',
    })
    expect(() => cluster.url()).toThrow(expect.objectContaining({ code: 'TF_NOT_RUNNING' }))
    expect(() => cluster.adminUrl()).toThrow(expect.objectContaining({ code: 'TF_NOT_RUNNING' }))
    expect(cluster.state).toEqual({ kind: 'stopped' })
  })

  test('listens on the loopback interface only, and asks for passwords', () => {
    const settings = {
      dataDirectory: '/d',
      port: 5433,
      socketDirectory: '/s',
      sharedBuffersBytes: 1_000_000,
      connectionsMax: 20,
    }
    const given = serverArguments(settings)
    for (const wanted of [
      'listen_addresses=127.0.0.1',
      'unix_socket_permissions=0700',
      'shared_buffers=977kB',
      'wal_level=logical',
    ]) {
      expect(given).toContain(wanted)
    }
    const initial = initdbArguments('/d', '/p')
    for (const wanted of ['scram-sha-256', '--data-checksums', '--builtin-locale=C.UTF-8'])
      expect(initial).toContain(wanted)
    expect(initial).not.toContain('-N')
  })
})

describe('the failure of a server', () => {
  const exit = { code: 1, signal: undefined }

  test.each([
    ['TF_DISK_FULL', 'FATAL:  could not write lock file "postmaster.pid": No space left on device'],
    ['TF_PORT_TAKEN', 'LOG:  could not bind IPv4 address "127.0.0.1": Address already in use'],
    ['TF_CLUSTER_START_FAILED', 'PANIC:  could not locate a valid checkpoint record'],
  ])('is %s when the log says so', (code, line) => {
    const error = explainFailure('orders', exit, ['LOG:  starting', line], '/log')
    expect(error).toMatchObject({ code, details: { logFile: '/log' } })
    expect(error.message).toContain(line)
  })

  test('says what to do about what the machine refuses', () => {
    const hints = [
      'FATAL:  could not create lock file "postmaster.pid": Read-only file system',
      'FATAL:  could not create lock file "postmaster.pid": Permission denied',
      'FATAL:  insufficient file descriptors available to start server process',
      'FATAL:  something else',
    ].map((said) => explainFailure('orders', exit, [said], '/log').hint?.slice(0, 24))
    expect(hints).toEqual([
      'mount the file system of',
      'give the data directory ',
      'raise the limit: ulimit ',
      'read /log',
    ])
  })

  test('names the signal that ended it', () => {
    expect(explainFailure('orders', { code: undefined, signal: 'SIGKILL' }, [], '/log').message).toContain('SIGKILL')
  })
})

describe('messages of the seed process', () => {
  test('are read back, and nothing else is taken for one', () => {
    const message = { seed: 'progress', message: 'a "b"\n' } as const
    expect(parseSeedMessage(formatSeedMessage(message).trimEnd())).toEqual(message)
    for (const line of ['', 'hello', '{"seed":', '{"other":1}']) expect(parseSeedMessage(line)).toBeUndefined()
  })
})
