import diagnostics from 'node:diagnostics_channel'
import type { Span } from '../control/span.ts'
import type { Clock } from '../core/clock.ts'
import type { TraceContext } from '../core/trace-context.ts'
import { childContext, newTrace } from '../core/trace-context.ts'
import { traceStorage } from './current-trace.ts'

/** Where work with events is published when it has ended, as `TracedWork`. */
export const WORK_CHANNEL = 'tenfold:service:work'

/** Published on `WORK_CHANNEL`. */
export interface TracedWork extends Pick<
  Span,
  'name' | 'kind' | 'isError' | 'attributes' | 'startEpochMs' | 'durationMs'
> {
  readonly context: TraceContext
  readonly parentSpanId: string | undefined
}

const channel = diagnostics.channel(WORK_CHANNEL)

/** Does work as a span of its own, within which everything that it causes belongs to it. Throws what the work does. */
export async function traced<Result>(
  { name, kind, attributes }: Pick<Span, 'name' | 'kind' | 'attributes'>,
  { parent, clock }: { readonly parent: TraceContext | undefined; readonly clock: Clock },
  work: () => Promise<Result>,
): Promise<Result> {
  const context = parent === undefined ? newTrace(false) : childContext(parent)
  const [startEpochMs, startMs] = [clock.epochMs(), clock.nowMs()]
  const end = (error?: unknown): void => {
    if (!channel.hasSubscribers) return
    channel.publish({
      name,
      kind,
      context,
      parentSpanId: parent?.spanId,
      startEpochMs,
      durationMs: clock.nowMs() - startMs,
      isError: error !== undefined,
      attributes: error instanceof Error ? { ...attributes, 'error.type': error.name } : attributes,
    } satisfies TracedWork)
  }
  return traceStorage().run(context, async () => {
    try {
      const result = await work()
      end()
      return result
    } catch (error) {
      end(error ?? new Error('nothing'))
      throw error
    }
  })
}
