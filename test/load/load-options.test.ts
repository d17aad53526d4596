import { describe, expect, it } from 'vitest'
import type { LoadOptions } from '../../src/load/load-options.ts'
import { resolveLoadOptions } from '../../src/load/load-options.ts'
import { resolveTarget } from '../../src/load/target.ts'

const options: LoadOptions = {
  target: 'http://127.0.0.1:1',
  scenarios: [{ name: 's', steps: [{ name: 'a', path: '/' }] }],
  peakPerSecond: 100,
  durationMs: 1_000,
  seed: 1,
}

describe('the options of a load', () => {
  it('have defaults', () => {
    expect(resolveLoadOptions(options)).toMatchObject({
      arrivals: { shape: 'poisson' },
      workers: 1,
      timeoutMs: 10_000,
      warmupMs: 0,
      timeScale: 1,
      connections: { min: 8, max: 4_096 },
    })
  })

  it('share the connections between the workers', () => {
    const { connections } = resolveLoadOptions({ ...options, workers: 4, connections: { min: 10, max: 100 } })
    expect(connections).toEqual({ min: 3, max: 25 })
  })

  it.each([
    [{ scenarios: [] }, 'scenarios'],
    [{ scenarios: [{ name: 's', steps: [] }] }, 'steps of "s"'],
    [{ peakPerSecond: 0 }, 'peakPerSecond'],
    [{ peakPerSecond: Number.NaN }, 'peakPerSecond'],
    [{ durationMs: -1 }, 'durationMs'],
    [{ durationMs: Number.POSITIVE_INFINITY }, 'durationMs'],
    [{ warmupMs: -1 }, 'warmupMs'],
    [{ timeoutMs: 0 }, 'timeoutMs'],
    [{ workers: 0 }, 'workers'],
    [{ workers: 1.5 }, 'workers'],
    [{ connections: { max: 0 } }, 'connections.max'],
  ])('are refused with %j', (change, name) => {
    expect(() => resolveLoadOptions({ ...options, ...change })).toThrow(`expected ${name} to be`)
  })
})

describe('a target', () => {
  it('is an address, resolved once', async () => {
    expect(await resolveTarget('http://127.0.0.1:8080')).toEqual({
      address: { host: '127.0.0.1', port: 8080 },
      host: '127.0.0.1:8080',
    })
    expect(await resolveTarget('http://[::1]/')).toEqual({ address: { host: '::1', port: 80 }, host: '[::1]' })
  })

  it.each(['ftp://a', 'http://a/path', 'http://a/?q', 'http://u:p@a', 'a:80', ''])('is not %j', async (target) => {
    await expect(resolveTarget(target)).rejects.toMatchObject({ code: 'TF_TARGET_INVALID' })
  })
})
