import diagnostics from 'node:diagnostics_channel'
import type { Clock } from '../core/clock.ts'
import type { Performer } from './perform.ts'
import type { WorkMeter } from './work-meter.ts'

/** Where each call of a handler is published when it has ended, as `WorkReport`. */
export const WORK_CHANNEL = 'tenfold:topics:work'

/** Where each publish is told of that went well, as `PublishReport`. */
export const PUBLISHED_CHANNEL = 'tenfold:topics:published'

/** Published on `WORK_CHANNEL`. */
export interface WorkReport {
  readonly topic: string
  readonly group: string
  /** Events of the call. */
  readonly events: number
  readonly outcome: 'done' | 'failed'
  /** It was tried before. */
  readonly isRetry: boolean
  readonly durationMs: number
  /** Time in which the consumer had more to do than it could, since the last report. */
  readonly busyMs: number
  /**
   * Events, or shares of them, that were handled in such a time: over `busyMs` of many reports, what it can do. Those whose
   * effects were there already cost next to nothing, and say nothing.
   */
  readonly busyEvents: number
}

/** Published on `PUBLISHED_CHANNEL`. */
export interface PublishReport {
  readonly topic: string
  readonly events: number
}

/** Where it is told of each event that was given up, as `GivenUpEvent`. */
export const GIVEN_UP_CHANNEL = 'tenfold:topics:given-up'

/** Published on `GIVEN_UP_CHANNEL`. */
export interface GivenUpEvent {
  readonly topic: string
  readonly group: string
  readonly partition: number
  readonly messageId: string
  readonly cause: string
}

const channel = diagnostics.channel(WORK_CHANNEL)

/** A performer that tells of each of its calls; it costs nothing while nobody listens. */
export function reportWork(
  performer: Performer,
  { topic, group, meter, clock }: { topic: string; group: string; meter: WorkMeter; clock: Clock },
): Performer {
  let toldMs = 0
  return {
    async perform(events, options) {
      if (!channel.hasSubscribers) return performer.perform(events, options)
      const [beganMs, busyBeganMs] = [clock.nowMs(), meter.busyMs()]
      let outcome: WorkReport['outcome'] = 'failed'
      let handled = 0
      try {
        const performed = await performer.perform(events, options)
        outcome = 'done'
        handled = performed.handled
        return performed
      } finally {
        const [durationMs, busyMs] = [clock.nowMs() - beganMs, meter.busyMs()]
        // A call that began before the time of plenty did only a part of its work in it.
        const share = durationMs > 0 ? (busyMs - busyBeganMs) / durationMs : 0
        channel.publish({
          topic,
          group,
          events: events.length,
          outcome,
          isRetry: options.attempt > 1,
          durationMs,
          busyMs: busyMs - toldMs,
          busyEvents: handled * share,
        } satisfies WorkReport)
        toldMs = busyMs
      }
    },
  }
}
