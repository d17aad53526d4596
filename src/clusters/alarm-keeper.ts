import type { Clock } from '../core/clock.ts'
import type { Decision } from './arbiter.ts'
import type { ClusterAlarm } from './cluster-state.ts'

/** Keeps the alarm of a cluster, with the time at which the trouble began. */
export interface AlarmKeeper {
  readonly alarm: ClusterAlarm | undefined
  /**
   * What has been decided on a primary that answers, or does not.
   *
   * @param stalledMs for how long writes have waited for its disk
   */
  judge(decision: Decision, primary: { readonly answers: boolean; readonly stalledMs: number }): void
  raise(reason: string): void
}

/**
 * A disk that takes nothing for so long has stalled; checkpoints of a busy one take less. Nobody is killed for it: whoever
 * waits for a disk can't be killed, so nobody could take over, and reads would end as well.
 */
export const STALLED_MS_MAX = 10_000

/** @param onChange called when there is another alarm, or none any more */
export function createAlarmKeeper(clock: Clock, onChange: () => void): AlarmKeeper {
  let alarm: ClusterAlarm | undefined

  function raise(reason: string): void {
    if (alarm?.reason === reason) return
    alarm = { reason, sinceEpochMs: alarm?.sinceEpochMs ?? clock.epochMs() }
    onChange()
  }

  return {
    get alarm() {
      return alarm
    },
    raise,
    judge(decision, { answers, stalledMs }) {
      const isWell = decision.step === 'none' && decision.isWell === true
      if (!answers) raise(isWell ? 'the primary does not answer' : decision.reason)
      else if (stalledMs >= STALLED_MS_MAX) raise('writes wait for the disk of the primary')
      else if (!isWell) raise(`no standby has all writes: ${decision.reason}`)
      else if (alarm !== undefined) {
        alarm = undefined
        onChange()
      }
    },
  }
}
