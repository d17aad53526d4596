import { expect, test } from 'vitest'
import type { MetricFrame } from '../../src/control/metric-frame.ts'
import type { Subprocess } from '../../src/core/subprocess.ts'
import { createProcessMetrics } from '../../src/runtime/process-metrics.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'

/** A child of which only the consumption is looked at. */
function child(name: string): Subprocess & { cpu: number | undefined; memory: number | undefined } {
  const use = { cpu: 0 as number | undefined, memory: 1_000 as number | undefined }
  return {
    ...({ name } as Subprocess),
    ...use,
    cpuSeconds() {
      return this.cpu
    },
    memoryBytes() {
      return this.memory
    },
  }
}

function measured(children: readonly Subprocess[]) {
  const clock = virtualClock()
  const frames: MetricFrame[] = []
  const metrics = createProcessMetrics({
    list: () => children,
    ownerOf: (name) => (name === 'stranger' ? undefined : { source: `instance/${name}`, labels: { instance: name } }),
    append: (frame) => frames.push(frame),
    clock,
  })
  return { clock, frames, metrics }
}

test('reports what was added in each second, from the second look on', async () => {
  const api = child('api-1')
  const { clock, frames, metrics } = measured([api])
  await metrics.start()
  api.cpu = 3
  await clock.advance('1s')
  expect(frames).toEqual([])
  api.cpu = 3.25
  await clock.advance('1s')
  expect(frames).toEqual([
    {
      atEpochMs: clock.epochMs(),
      source: 'instance/api-1',
      samples: [
        { name: 'process.cpu.time', labels: { instance: 'api-1' }, value: 0.25 },
        { name: 'process.memory.usage', labels: { instance: 'api-1' }, value: 1_000 },
      ],
    },
  ])
})

test('leaves out children that are gone, and those that are nobody’s', async () => {
  const gone = child('api-1')
  gone.cpu = undefined
  const { clock, frames, metrics } = measured([gone, child('stranger')])
  await metrics.start()
  await clock.advance('5s')
  expect(frames).toEqual([])
})

test('a successor of the same name begins anew, and nothing is ever negative', async () => {
  const children = [child('api-1')]
  children[0]!.cpu = 50
  const { clock, frames, metrics } = measured(children)
  await metrics.start()
  await clock.advance('1s')
  children[0] = child('api-1')
  children[0].cpu = 1
  await clock.advance('1s')
  expect(frames).toEqual([])
  children[0].cpu = 0.5
  await clock.advance('1s')
  expect(frames[0]?.samples[0]).toMatchObject({ value: 0 })
})

test('nothing is measured after the stop', async () => {
  const { clock, metrics } = measured([child('api-1')])
  await metrics.start()
  await metrics.start()
  await metrics.stop()
  expect(clock.pending).toBe(0)
})
