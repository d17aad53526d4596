import type { MetricFrame } from '../control/metric-frame.ts'
import type { Component } from '../core/component.ts'
import type { EngineUrls } from './engine-urls.ts'
import { createMessagingHousekeeping, keptDatabases } from './messaging-housekeeping.ts'
import type { PartsContext } from './parts-context.ts'
import { createQueueLags } from './queue-lags.ts'
import type { QueueOperating } from './queue-operating.ts'
import { createQueueOperating } from './queue-operating.ts'
import { setUpOutsideQueues } from './set-up-outside-queues.ts'
import { createTopicLags } from './topic-lags.ts'
import type { TopicOperating } from './topic-operating.ts'
import { createTopicOperating } from './topic-operating.ts'

/** What the control plane does about topics and queues; what services do, they do themselves. */
export interface SystemMessaging {
  readonly housekeeping: Component
  /** Frames, and what the snapshot shows of topics and queues. */
  readonly lags: readonly Component[]
  readonly topics: TopicOperating
  readonly queues: QueueOperating
  /** Makes the queues on engines elsewhere. Throws as `setUpOutsideQueues`. */
  setUpQueues(): Promise<void>
}

/** @param options.ownerUrl leads to a database as its owner */
export function createSystemMessaging(
  context: PartsContext,
  options: {
    readonly append: (frame: MetricFrame) => void
    readonly ownerUrl: (database: string) => string
    readonly engineUrls: EngineUrls
  },
): SystemMessaging {
  const { ownerUrl, engineUrls } = options
  const topicLags = createTopicLags(context, options)
  return {
    lags: [topicLags, createQueueLags(context, options)],
    housekeeping: createMessagingHousekeeping({
      databases: () => keptDatabases(context, ownerUrl),
      notice: (notice) => context.notice(notice),
      clock: context.clock,
    }),
    topics: createTopicOperating(context, { lags: topicLags, ownerUrl, engineUrls }),
    queues: createQueueOperating(context, { ownerUrl, engineUrls }),
    setUpQueues: () =>
      setUpOutsideQueues(context.blueprint, { engineUrls, notice: (notice) => context.notice(notice) }),
  }
}
