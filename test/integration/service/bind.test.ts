import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ResolvedService } from '../../../src/blueprint/resolved-blueprint.ts'
import type { Cluster } from '../../../src/clusters/cluster-state.ts'
import type { TestBed } from '../clusters/test-bed.ts'
import { createTestBed } from '../clusters/test-bed.ts'
import { ask, eventually, fleetStage } from '../fleet/fleet-stage.ts'

let bed: TestBed
let cluster: Cluster
let greeterUrl: string
const greeter = createServer((request, response) => {
  response.end(`${request.url} ${request.headers['x-request-id']}`)
})

beforeAll(async () => {
  bed = await createTestBed()
  cluster = bed.cluster('orders')
  await cluster.start()
  await bed.connect(cluster.adminUrl()).query('create database moved')
  await new Promise<void>((resolve) => void greeter.listen(0, '127.0.0.1', resolve))
  greeterUrl = `http://127.0.0.1:${(greeter.address() as AddressInfo).port}/greeter`
})

afterAll(async () => {
  greeter.closeAllConnections()
  greeter.close()
  await bed.end()
})

describe('a service that is bound', () => {
  test('imports tenfold/service, and reaches what it lists', async () => {
    const stage = await stageFor(() => cluster.url())
    const { supervisor, balancer } = stage.supervise(stage.service, { desired: 1 })
    await supervisor.start()
    const { port } = balancer.endpoints[0]!
    expect(await ask(port, '/query')).toBe(nameOf(cluster.url()))
    const called = await fetch(`http://127.0.0.1:${port}/call`, { headers: { 'x-request-id': 'r1' } })
    expect(await called.text()).toBe('/greeter/hello r1')
    await supervisor.stop()
  })

  test('follows a database that moves, without a failed request, and ends what runs on the old one', async () => {
    let url = cluster.url()
    const stage = await stageFor(() => url)
    const { supervisor, balancer } = stage.supervise(stage.service, { desired: 1 })
    await supervisor.start()
    const { port } = balancer.endpoints[0]!
    const slow = ask(port, '/slow')
    const answers = new Set<string>()
    await ask(port, '/query')
    const moved = new URL(url)
    moved.pathname = '/moved'
    url = moved.href
    await stage.host.rebind('api')
    await eventually('the service to follow', async () => {
      const answer = await ask(port, '/query')
      answers.add(answer)
      return answer === 'moved'
    })
    expect(await slow).toBe(nameOf(cluster.url()))
    expect([...answers].filter((answer) => answer !== 'moved' && answer !== nameOf(cluster.url()))).toEqual([])
    await supervisor.stop()
  })

  test('at SIGTERM answers what is in flight, closes its connections and leaves', async () => {
    const stage = await stageFor(() => cluster.url())
    const { supervisor, balancer } = stage.supervise(stage.service, { desired: 1 })
    await supervisor.start()
    const slow = ask(balancer.endpoints[0]!.port, '/slow')
    await ask(balancer.endpoints[0]!.port, '/query')
    await supervisor.stop()
    expect(await slow).toBe(nameOf(cluster.url()))
    expect(readFileSync(join(stage.logsDirectory, 'api/api-1.log'), 'utf8')).toBe('hook\n')
  })
})

async function stageFor(
  url: () => string,
): Promise<Awaited<ReturnType<typeof fleetStage>> & { service: { program: ResolvedService['program'] } }> {
  const source = readFileSync(join(import.meta.dirname, 'bound-service.ts'), 'utf8')
  const stage = await fleetStage(
    { 'services/api.ts': source },
    {
      document: () => ({
        databases: { orders: { shards: [{ url: url() }], connectionsMax: 3 } },
        services: { greeter: { url: greeterUrl } },
      }),
    },
  )
  return { ...stage, service: { program: stage.entry('services/api.ts') } }
}

function nameOf(url: string): string {
  return new URL(url).pathname.slice(1)
}
