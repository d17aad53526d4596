import { request } from 'node:http'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createMetricsListener } from '../../src/telemetry/metrics-listener.ts'
import type { MetricsListener } from '../../src/telemetry/metrics-listener.ts'
import { componentCases } from '../../src/testing/contracts/component.ts'

function listener(port = 0, isPortGiven = false): MetricsListener {
  const made = createMetricsListener({
    port,
    isPortGiven,
    text: () => 'x 1\n',
    contentType: 'text/plain; version=0.0.4',
  })
  onTestFinished(() => made.stop())
  return made
}

async function ask(
  url: string,
  options: { host?: string; method?: string } = {},
): Promise<[number | undefined, string]> {
  const { host = '127.0.0.1', method = 'GET' } = options
  const { promise, resolve, reject } = Promise.withResolvers<[number | undefined, string]>()
  const asked = request(url, { method, headers: { host } }, (response) => {
    let text = ''
    response.on('data', (piece: Buffer) => (text += piece.toString()))
    response.on('end', () => resolve([response.statusCode, text]))
  })
  asked.on('error', reject)
  asked.end()
  return promise
}

describe('the listener for metrics', () => {
  test('answers on loopback', async () => {
    const metrics = listener()
    await metrics.start()
    const url = metrics.url()!
    expect(new URL(url).hostname).toBe('127.0.0.1')
    expect(await ask(url)).toEqual([200, 'x 1\n'])
    expect(await ask(url, { host: 'localhost:9464' })).toEqual([200, 'x 1\n'])
  })

  test('answers nothing else, and no page of a foreign name', async () => {
    const metrics = listener()
    await metrics.start()
    const url = metrics.url()!
    expect((await ask(url, { host: 'evil.example' }))[0]).toBe(403)
    expect((await ask(url.replace('metrics', '')))[0]).toBe(404)
    expect((await ask(url, { method: 'POST' }))[0]).toBe(405)
  })

  test('takes the next free port, unless the port was asked for', async () => {
    const first = listener()
    await first.start()
    const port = Number(new URL(first.url()!).port)
    const second = listener(port)
    await second.start()
    expect(Number(new URL(second.url()!).port)).toBeGreaterThan(port)
    await expect(listener(port, true).start()).rejects.toMatchObject({
      code: 'TF_PORT_TAKEN',
      hint: expect.stringContaining('TENFOLD_METRICS_PORT'),
    })
  })

  describe('lives as a component', () => {
    for (const { name, run } of componentCases) {
      test(name, async () => {
        await run({
          abilities: ['restart'],
          startMsTypical: 2,
          create: () => listener(),
          isWorking: async (component) => (await ask((component as MetricsListener).url()!))[0] === 200,
          remains: (component) => ((component as MetricsListener).url() === undefined ? [] : ['the listener']),
        })
      })
    }
  })
})
