import diagnostics from 'node:diagnostics_channel'
import { expect, test } from 'vitest'
import { checkFrame } from '../../src/control/check-frame.ts'
import { measureMessaging } from '../../src/service/messaging-telemetry.ts'
import type { HandledItems } from '../../src/queues/queue-report.ts'
import { HANDLED_CHANNEL, ITEM_GIVEN_UP_CHANNEL } from '../../src/queues/queue-report.ts'
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
  const measured = measureMessaging(labels)
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
    { name: 'tenfold.consumer.busy.messages', labels: orders, value: 8 },
    { name: 'tenfold.consumer.busy.time', labels: orders, value: 0.75 },
    { name: 'tenfold.consumer.retries', labels: orders, value: 1 },
    { name: 'tenfold.consumer.given_up', labels: orders, value: 1 },
    { name: 'messaging.client.sent.messages', labels: { ...labels, topic: 'bills' }, value: 3 },
  ])
  expect(measured()).toEqual([])
})

test('what it does with queues has the same words, and a label of its own', () => {
  const labels = { service: 'mailer', instance: 'mailer-1' }
  const measured = measureMessaging(labels)
  diagnostics.channel(HANDLED_CHANNEL).publish({
    queue: 'mails',
    count: 5,
    durationMs: 100,
    hasFailed: false,
    isRetry: true,
    busyMs: 100,
    busyCount: 5,
  } satisfies HandledItems)
  diagnostics.channel(ITEM_GIVEN_UP_CHANNEL).publish({ queue: 'mails' })
  const samples = measured()
  expect(() => checkFrame({ atEpochMs: 0, source: 'instance/mailer-1', samples })).not.toThrow()
  const mails = { ...labels, queue: 'mails' }
  expect(samples).toEqual([
    { name: 'messaging.process.duration', labels: { ...mails, outcome: 'done' }, histogram: expect.anything() },
    { name: 'messaging.client.consumed.messages', labels: mails, value: 5 },
    { name: 'tenfold.consumer.busy.messages', labels: mails, value: 5 },
    { name: 'tenfold.consumer.busy.time', labels: mails, value: 0.1 },
    { name: 'tenfold.consumer.retries', labels: mails, value: 1 },
    { name: 'tenfold.consumer.given_up', labels: mails, value: 1 },
  ])
})
