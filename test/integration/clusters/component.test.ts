import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, test } from 'vitest'
import type { Cluster } from '../../../src/clusters/cluster-state.ts'
import { readPostmasterFile } from '../../../src/clusters/postmaster-file.ts'
import { isPortFree } from '../../../src/core/free-port.ts'
import type { ComponentHarness } from '../../../src/testing/contracts/component.ts'
import { componentCases } from '../../../src/testing/contracts/component.ts'
import type { TestBed } from './test-bed.ts'
import { createTestBed } from './test-bed.ts'

let bed: TestBed
let created = 0

beforeAll(async () => {
  bed = await createTestBed()
})

afterAll(() => bed.end())

const directories = new WeakMap<object, string>()

/** One directory of data serves all cases: the first start makes it, the others find it. */
const harness: ComponentHarness = {
  abilities: ['restart'],
  startMsTypical: 300,
  create() {
    created++
    const name = created <= 3 ? `first${created}` : 'same'
    const cluster = bed.cluster('stress', { dataDirectory: join(bed.directory, name) })
    directories.set(cluster, join(bed.directory, name))
    return cluster
  },
  async isWorking(component) {
    const connection = bed.connect((component as Cluster).url())
    await connection.query('select 1')
    await connection.end()
    return true
  },
  async remains(component) {
    const cluster = component as Cluster
    const directory = directories.get(component) ?? ''
    const found = bed.subprocesses.list().map(({ name }) => `process ${name}`)
    if ((await readPostmasterFile(join(directory, 'data'))) !== undefined) found.push('postmaster.pid')
    if (existsSync(join(directory, 'lock-journal'))) found.push('the lock')
    if (cluster.process !== undefined) found.push('a server process')
    if (cluster.port !== undefined && !(await isPortFree(cluster.port))) found.push(`port ${cluster.port}`)
    return found
  },
}

describe('a cluster as a component', () => {
  for (const { name, run } of componentCases) test(name, { timeout: 120_000 }, () => run(harness))
})
