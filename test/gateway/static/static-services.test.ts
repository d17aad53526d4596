import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startDataPlane } from '../data-plane-for-tests.ts'

test('a service of files answers beside servers, is measured like them, and takes a new directory over at once', async () => {
  const [first, second] = [directoryWith('first'), directoryWith('second')]
  await using plane = await startDataPlane([])
  const configure = (...directories: readonly string[]): void =>
    plane.configure({
      api: { requestTimeoutMs: 1_000, endpoints: [], files: { directories, routes: ['/'] } },
      other: { requestTimeoutMs: 1_000, endpoints: [] },
    })
  const ask = async (path: string, init?: RequestInit): Promise<string> => {
    const response = await fetch(`http://127.0.0.1:${plane.port}${path}`, init)
    return `${response.status} ${(await response.text()).slice(0, 6)}`
  }
  try {
    configure(first)
    expect(await ask('/')).toBe('200 first')
    expect(await ask('/other')).toMatch(/^503/)
    expect(await ask('/', { method: 'POST', body: 'x'.repeat(100_000) })).toMatch(/^405/)
    configure(second, first)
    expect(await ask('/')).toBe('200 second')
    const { metrics } = plane.proxy.services.get('api')!
    await expect.poll(() => metrics.inFlight, { timeout: 5_000 }).toBe(0)
    expect(metrics.latencyUs.map((histogram) => histogram?.count ?? 0).slice(2, 5)).toEqual([2, 0, 1])
  } finally {
    for (const directory of [first, second]) rmSync(directory, { recursive: true })
  }
})

function directoryWith(text: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'tenfold static '))
  writeFileSync(join(directory, 'index.html'), text)
  return directory
}
