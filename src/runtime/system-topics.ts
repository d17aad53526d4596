import type { MetricFrame } from '../control/metric-frame.ts'
import type { Component } from '../core/component.ts'
import type { PartsContext } from './parts-context.ts'
import { createMessagingHousekeeping, keptDatabases } from './messaging-housekeeping.ts'
import { createTopicLags } from './topic-lags.ts'
import type { TopicOperating } from './topic-operating.ts'
import { createTopicOperating } from './topic-operating.ts'

/** What the control plane does about topics; what services do, they do themselves. */
export interface SystemTopics {
  readonly housekeeping: Component
  /** Frames, and what the snapshot shows of topics. */
  readonly lags: Component
  readonly operating: TopicOperating
}

/** @param options.ownerUrl leads to a database as its owner */
export function createSystemTopics(
  context: PartsContext,
  options: { readonly append: (frame: MetricFrame) => void; readonly ownerUrl: (database: string) => string },
): SystemTopics {
  const { ownerUrl } = options
  const lags = createTopicLags(context, options)
  return {
    lags,
    housekeeping: createMessagingHousekeeping({
      databases: () => keptDatabases(context, ownerUrl),
      notice: (notice) => context.notice(notice),
      clock: context.clock,
    }),
    operating: createTopicOperating(context, { lags, ownerUrl }),
  }
}
