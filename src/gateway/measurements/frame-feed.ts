import type { Clock } from '../../core/clock.ts'
import type { MetricFrame } from '../../control/metric-frame.ts'
import type { AccessSource } from './access-frame.ts'
import { accessFrame } from './access-frame.ts'

const FRAME_MS = 1_000
/** Frames kept for a reader that has stopped reading; the oldest go first. */
const BACKLOG_MAX = 60

/** One metric frame a second, to everybody who listens. */
export interface FrameFeed {
  /** Frames from now on, until the reader leaves or the feed ends. */
  frames(): AsyncGenerator<MetricFrame, void, undefined>
  end(): void
}

/** @param certificateEnds when the first certificate ends; undefined: there is none */
export function createFrameFeed(
  clock: Clock,
  source: AccessSource,
  certificateEnds: () => number | undefined = () => undefined,
): FrameFeed {
  const readers = new Set<{ backlog: MetricFrame[]; wake: () => void }>()
  let hasEnded = false
  const cancel = clock.every(
    FRAME_MS,
    () => {
      const frame = accessFrame(source, clock.epochMs(), certificateEnds())
      for (const reader of readers) {
        reader.backlog.push(frame)
        if (reader.backlog.length > BACKLOG_MAX) reader.backlog.shift()
        reader.wake()
      }
    },
    { unref: true },
  )

  async function* frames(): AsyncGenerator<MetricFrame, void, undefined> {
    const reader = { backlog: [] as MetricFrame[], wake: (): void => undefined }
    readers.add(reader)
    try {
      for (;;) {
        const frame = reader.backlog.shift()
        if (frame !== undefined) {
          yield frame
          continue
        }
        if (hasEnded) return
        await new Promise<void>((resolve) => {
          reader.wake = resolve
        })
      }
    } finally {
      readers.delete(reader)
    }
  }

  return {
    frames,
    end() {
      hasEnded = true
      cancel()
      for (const reader of readers) reader.wake()
    },
  }
}
