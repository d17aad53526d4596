import { connect, createServer } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { findFreePort, isPortFree } from '../../src/core/free-port.ts'

async function takenPort(host: string): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => void server.listen(0, host, resolve))
  onTestFinished(() => void server.close())
  return (server.address() as { port: number }).port
}

describe('isPortFree', () => {
  test.each(['127.0.0.1', '0.0.0.0'])('sees who listens on %s', async (host) => {
    expect(await isPortFree(await takenPort(host))).toBe(false)
  })

  test('is not kept waiting by those who call', async () => {
    const port = await findFreePort()
    const callers = Array.from({ length: 50 }, () => connect({ host: '127.0.0.1', port }).on('error', () => undefined))
    onTestFinished(() => callers.forEach((caller) => caller.destroy()))
    await Promise.all(Array.from({ length: 5 }, () => isPortFree(port)))
    expect(await isPortFree(port)).toBe(true)
  })
})

test('findFreePort leaves out what was given to somebody already', async () => {
  const given = new Set<number>()
  for (let times = 0; times < 20; times++) {
    const port = await findFreePort((candidate) => given.has(candidate))
    expect(given.has(port)).toBe(false)
    given.add(port)
  }
})
