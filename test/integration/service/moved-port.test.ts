import { createServer } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { findFreePort } from '../../../src/core/free-port.ts'
import { ask, fleetStage } from '../fleet/fleet-stage.ts'

/** Programs that listen on PORT_OF_THEIR_OWN whatever they are told. */
const PROGRAMS: Readonly<Record<string, string>> = {
  'with a number': `
    import { createServer } from 'node:http'
    createServer((_, response) => response.end(process.env.TENFOLD_INSTANCE)).listen(OWN)`,
  'with options, by name': `
    import { createServer } from 'node:http'
    createServer((_, response) => response.end(process.env.TENFOLD_INSTANCE)).listen({ port: 'OWN', host: 'localhost' })`,
  'after it has looked whether the port is free': `
    import { createServer } from 'node:http'
    const probe = createServer().listen(OWN, '127.0.0.1', () => probe.close(() =>
      createServer((_, response) => response.end(process.env.TENFOLD_INSTANCE)).listen(OWN)))`,
  'beside another server': `
    import { createServer } from 'node:http'
    createServer((_, response) => response.end('metrics')).listen(0, () =>
      createServer((_, response) => response.end(process.env.TENFOLD_INSTANCE)).listen(OWN))`,
  'in workers of a cluster': `
    import cluster from 'node:cluster'
    import { createServer } from 'node:http'
    if (cluster.isPrimary) { cluster.fork(); cluster.fork() }
    else createServer((_, response) => response.end(process.env.TENFOLD_INSTANCE)).listen(OWN, '127.0.0.1')`,
  'in a worker thread': `
    import { createServer } from 'node:http'
    import { isMainThread, Worker } from 'node:worker_threads'
    if (isMainThread) new Worker(new URL(import.meta.url))
    else createServer((_, response) => response.end(process.env.TENFOLD_INSTANCE)).listen(OWN)`,
}

describe('a port that a Node program has chosen itself', () => {
  test.each(Object.keys(PROGRAMS))('is moved, so that instances run side by side: %s', async (name) => {
    const own = await findFreePort()
    const stage = await fleetStage({ 'api.mjs': PROGRAMS[name]!.replaceAll('OWN', String(own)) })
    const { supervisor, balancer } = stage.supervise({
      program: stage.entry('api.mjs'),
      listensOn: { port: own, isMoved: true },
    })
    await supervisor.start()
    const answers = await Promise.all(balancer.endpoints.map(({ port }) => ask(port)))
    expect(answers.toSorted()).toEqual(['api-1', 'api-2'])
    expect(balancer.endpoints.map(({ port }) => port)).not.toContain(own)
    await supervisor.stop()
  })

  test('that nobody named is said when the program does not become ready', async () => {
    const own = await findFreePort()
    const stage = await fleetStage({
      'api.mjs': `import { createServer } from 'node:http'\ncreateServer().listen(${own}, '127.0.0.1')`,
    })
    const { supervisor } = stage.supervise({ program: stage.entry('api.mjs'), startTimeoutMs: 8_000 }, { desired: 1 })
    await expect(supervisor.start()).rejects.toThrow(`give its service "port: ${own}"`)
  })
})

describe('a port that can not be moved', () => {
  const program = (port: number) => ({
    program: {
      kind: 'command' as const,
      // Stands for any other program: nothing is loaded into it.
      command: `NODE_OPTIONS= exec node -e "require('node:http').createServer((_, r) => r.end(process.env.PORT)).listen(${port}, '127.0.0.1')"`,
    },
    listensOn: { port, isMoved: false },
  })

  test('is the one that the instance is reached on', async () => {
    const own = await findFreePort()
    const stage = await fleetStage({})
    const { supervisor, balancer } = stage.supervise(program(own), { desired: 1 })
    await supervisor.start()
    expect(balancer.endpoints.map(({ port }) => port)).toEqual([own])
    expect(await ask(own)).toBe(String(own))
    await supervisor.stop()
  })

  test('is not fought over: who else has it is not disturbed', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => void other.listen(0, resolve))
    onTestFinished(() => void other.close())
    const { port } = other.address() as { port: number }
    const stage = await fleetStage({})
    const { supervisor } = stage.supervise(program(port), { desired: 1 })
    await expect(supervisor.start()).rejects.toMatchObject({ code: 'TF_PORT_TAKEN', details: { port } })
  })
})
