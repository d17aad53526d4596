import { createServer } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, expect, onTestFinished, test } from 'vitest'
import { checkFrame } from '../../src/control/check-frame.ts'
import type { MetricFrame } from '../../src/control/metric-frame.ts'
import { startProcessTelemetry } from '../../src/service/process-telemetry.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'
import { temporaryDirectory } from '../fleet/temporary-directory.ts'

describe('the telemetry of a process', () => {
  test('says its token, then a frame a second with metrics of the table', async () => {
    const socket = join(temporaryDirectory(), 't.sock')
    const lines: unknown[] = []
    const server = createServer((connection) => {
      createInterface({ input: connection }).on('line', (line) => lines.push(JSON.parse(line)))
    })
    onTestFinished(() => void server.close())
    await new Promise<void>((resolve) => void server.listen(socket, resolve))
    const clock = virtualClock()
    startProcessTelemetry({ clock, socket, token: 'secret', service: 'api', instance: 'api-1' })
    const giveUpMs = performance.now() + 4_000
    while (lines.length < 3 && performance.now() < giveUpMs) await clock.advance('1s')
    expect(lines[0]).toEqual({ token: 'secret' })
    const frame = lines[1] as MetricFrame
    expect(frame.source).toBe('instance/api-1')
    expect(() => checkFrame(frame)).not.toThrow()
    expect(frame.samples.map(({ name }) => name)).toEqual(
      expect.arrayContaining([
        'nodejs.eventloop.utilization',
        'nodejs.eventloop.delay.p99',
        'nodejs.eventloop.delay.max',
        'v8js.memory.heap.used',
        'v8js.memory.heap.limit',
      ]),
    )
    for (const { labels } of frame.samples) expect(labels).toMatchObject({ service: 'api', instance: 'api-1' })
  })

  test('does nothing that the program would notice when nobody listens', async () => {
    const clock = virtualClock()
    const socket = join(temporaryDirectory(), 'nobody.sock')
    startProcessTelemetry({ clock, socket, token: 'secret', service: 'api', instance: 'api-1' })
    await clock.advance('1m')
    expect(clock.pending).toBe(1)
  })
})
