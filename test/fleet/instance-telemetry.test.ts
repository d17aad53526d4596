import { statSync } from 'node:fs'
import type { Socket } from 'node:net'
import { connect } from 'node:net'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { MetricFrame } from '../../src/control/metric-frame.ts'
import type { InstanceTelemetry } from '../../src/fleet/instance-telemetry.ts'
import { createInstanceTelemetry } from '../../src/fleet/instance-telemetry.ts'
import type { Span } from '../../src/control/span.ts'
import type { ComponentHarness } from '../../src/testing/contracts/component.ts'
import { componentCases } from '../../src/testing/contracts/component.ts'
import { temporaryDirectory } from './temporary-directory.ts'

const labels = { service: 'api', instance: 'api-1' }
const frame: MetricFrame = {
  atEpochMs: 1,
  source: 'instance/api-1',
  samples: [{ name: 'nodejs.eventloop.utilization', labels, value: 0.5 }],
}

interface Stage {
  readonly telemetry: InstanceTelemetry
  readonly frames: readonly MetricFrame[]
  /** Resolves with the frames when there are so many. */
  framesOf(count: number): Promise<readonly MetricFrame[]>
}

async function stage(): Promise<Stage> {
  const frames: MetricFrame[] = []
  let wake = (): void => undefined
  const telemetry = createInstanceTelemetry({
    socket: join(temporaryDirectory(), 't.sock'),
    user: undefined,
    onFrame: (taken) => {
      frames.push(taken)
      wake()
    },
  })
  onTestFinished(() => telemetry.stop())
  await telemetry.start()
  return {
    telemetry,
    frames,
    framesOf: (count) =>
      new Promise((resolve) => {
        wake = () => frames.length >= count && resolve(frames)
        wake()
      }),
  }
}

/** An instance that says these lines. */
function say(telemetry: InstanceTelemetry, ...lines: readonly unknown[]): { socket: Socket; closed: Promise<unknown> } {
  const socket = connect(telemetry.socket)
  socket.on('error', () => undefined)
  const closed = new Promise((resolve) => void socket.once('close', resolve))
  onTestFinished(() => void socket.destroy())
  for (const line of lines) socket.write(`${typeof line === 'string' ? line : JSON.stringify(line)}\n`)
  return { socket, closed }
}

describe('the telemetry of instances', () => {
  test('passes on the frames of an instance that says its token', async () => {
    const { telemetry, framesOf } = await stage()
    say(telemetry, { token: telemetry.tokenFor('api', 'api-1') }, frame, { ...frame, atEpochMs: 2 })
    expect((await framesOf(2)).map(({ atEpochMs }) => atEpochMs)).toEqual([1, 2])
  })

  test('keeps the socket to the account of the instances', async () => {
    const { telemetry } = await stage()
    expect(statSync(telemetry.socket).mode & 0o777).toBe(0o600)
  })

  test('gives each instance a token of its own, the same after a restart', async () => {
    const { telemetry } = await stage()
    expect(telemetry.tokenFor('api', 'api-1')).toBe(telemetry.tokenFor('api', 'api-1'))
    expect(telemetry.tokenFor('api', 'api-1')).not.toBe(telemetry.tokenFor('api', 'api-2'))
  })

  test.each<[string, unknown]>([
    ['for another instance', { ...frame, source: 'instance/api-2' }],
    ['for the gateway', { ...frame, source: 'gateway' }],
    [
      'with labels of another',
      { ...frame, samples: [{ ...frame.samples[0], labels: { service: 'api', instance: 'x' } }] },
    ],
    ['without labels', { ...frame, samples: [{ name: 'nodejs.eventloop.utilization', value: 1 }] }],
    ['of a metric that does not exist', { ...frame, samples: [{ name: 'made.up', labels, value: 1 }] }],
    ['with a value that is no number', { ...frame, samples: [{ ...frame.samples[0], value: 'much' }] }],
    [
      'with a broken histogram',
      {
        ...frame,
        samples: [
          {
            name: 'v8js.gc.duration',
            labels: { ...labels, gc_type: 'minor' },
            histogram: { buckets: [[1e9, 1]], sum: 1, max: 1 },
          },
        ],
      },
    ],
    ['with more samples than there can be', { ...frame, samples: Array.from({ length: 501 }, () => frame.samples[0]) }],
    ['that is no JSON', '{'],
    ['that is no frame', 'null'],
    ['without an end', 'x'.repeat(300_000)],
  ])('refuses a frame %s, and hangs up', async (_what, wrong) => {
    const { telemetry, frames } = await stage()
    const { closed } = say(telemetry, { token: telemetry.tokenFor('api', 'api-1') }, wrong)
    await closed
    expect(frames).toEqual([])
  })

  test('hangs up on whoever does not know a token', async () => {
    const { telemetry, frames } = await stage()
    await say(telemetry, frame).closed
    await say(telemetry, { token: 'guessed' }, frame).closed
    expect(frames).toEqual([])
  })

  test('takes one process for an instance: the first, until it is gone', async () => {
    const { telemetry, framesOf } = await stage()
    const token = { token: telemetry.tokenFor('api', 'api-1') }
    const first = say(telemetry, token, frame)
    await framesOf(1)
    await say(telemetry, token, frame).closed
    first.socket.destroy()
    await first.closed
    // The other side hears of it a moment later.
    for (let outcome = 'refused'; outcome === 'refused';) {
      const next = say(telemetry, token, { ...frame, atEpochMs: 3 })
      outcome = await Promise.race([framesOf(2).then(() => 'taken'), next.closed.then(() => 'refused')])
    }
    expect((await framesOf(2)).at(-1)?.atEpochMs).toBe(3)
  })
})

describe('the life of the telemetry of instances', () => {
  const sockets = new Map<object, string>()
  const harness: ComponentHarness = {
    abilities: ['restart'],
    startMsTypical: 5,
    create() {
      const socket = join(temporaryDirectory(), 't.sock')
      const telemetry = createInstanceTelemetry({ socket, user: undefined, onFrame: () => undefined })
      sockets.set(telemetry, socket)
      return telemetry
    },
    remains: async (component) => ((await accepts(sockets.get(component)!)) ? ['a listener'] : []),
    isWorking: (component) => accepts(sockets.get(component)!),
  }
  test.each(componentCases.map((one) => [one.name, one] as const))('%s', async (_name, { run }) => {
    await run(harness)
  })
})

function accepts(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.unref()
    socket.once('connect', () => socket.destroy())
  })
}

describe('spans', () => {
  const span = {
    traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
    spanId: '00f067aa0ba902b7',
    name: 'GET',
    kind: 'server',
    service: 'gateway',
    startEpochMs: 1,
    durationMs: 2,
    isError: false,
    attributes: { 'url.path': '/' },
  }

  test('are taken as those of the instance, whatever they say, and only where they are spans', async () => {
    const taken: Span[] = []
    const { promise, resolve } = Promise.withResolvers<void>()
    const telemetry = createInstanceTelemetry({
      socket: join(temporaryDirectory(), 't.sock'),
      user: undefined,
      onFrame: () => undefined,
      onSpans: (spans) => {
        taken.push(...spans)
        resolve()
      },
    })
    onTestFinished(() => telemetry.stop())
    await telemetry.start()
    const wrong = [null, 1, {}, { ...span, traceId: 'x' }, { ...span, kind: 'x' }, { ...span, durationMs: '1' }]
    const more = [
      { ...span, name: 'x'.repeat(2_000) },
      { ...span, attributes: { a: {} } },
    ]
    say(telemetry, { token: telemetry.tokenFor('api', 'api-1') }, { spans: [...wrong, span, ...more] })
    await promise
    expect(taken).toEqual([{ ...span, service: 'api', instance: 'api-1' }])
  })
})
