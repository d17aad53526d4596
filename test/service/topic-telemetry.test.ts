import diagnostics from 'node:diagnostics_channel'
import { expect, test } from 'vitest'
import { checkFrame } from '../../src/control/check-frame.ts'
import { measureTopics } from '../../src/service/topic-telemetry.ts'
import type { WorkReport } from '../../src/topics/work-report.ts'
import { GIVEN_UP_CHANNEL, PUBLISHED_CHANNEL, WORK_CHANNEL } from '../../src/topics/work-report.ts'

const work = (more: Partial<WorkReport>): void =>
  diagnostics.channel(WORK_CHANNEL).publish({
    topic: 'orders',
    group: 'billing',
    events: 1,
    outcome: 'done',
    isRetry: false,
    durationMs: 20,
    busyMs: 0,
    busyEvents: 0,
    ...more,
  } satisfies WorkReport)

test('what an instance does with its topics is measured, each second by itself', () => {
  const labels = { service: 'billing', instance: 'billing-1' }
  const measured = measureTopics(labels)
  work({})
  work({ events: 10, busyMs: 500, busyEvents: 8 })
  work({ outcome: 'failed', isRetry: true, busyMs: 250 })
  diagnostics.channel(GIVEN_UP_CHANNEL).publish({ topic: 'orders' })
  diagnostics.channel(PUBLISHED_CHANNEL).publish({ topic: 'bills', events: 3 })
  const samples = measured()
  expect(() => checkFrame({ atEpochMs: 0, source: 'instance/billing-1', samples })).not.toThrow()
  const orders = { ...labels, topic: 'orders' }
  expect(samples).toEqual([
    { name: 'messaging.process.duration', labels: { ...orders, outcome: 'done' }, histogram: expect.anything() },
    { name: 'messaging.process.duration', labels: { ...orders, outcome: 'failed' }, histogram: expect.anything() },
    { name: 'messaging.client.consumed.messages', labels: orders, value: 11 },
    { name: 'tenfold.topic.busy.messages', labels: orders, value: 8 },
    { name: 'tenfold.topic.busy.time', labels: orders, value: 0.75 },
    { name: 'tenfold.topic.retries', labels: orders, value: 1 },
    { name: 'tenfold.topic.given_up', labels: orders, value: 1 },
    { name: 'messaging.client.sent.messages', labels: { ...labels, topic: 'bills' }, value: 3 },
  ])
  expect(measured()).toEqual([])
})
