import { formatDuration } from '../core/duration.ts'
import type { DrillFinding, RecoveryMeasurement, RecoveryTargets } from './drill-report.ts'

/**
 * Holds what a disaster has cost against the targets. Without a target a time is only told; a row that is there twice,
 * or that nobody acknowledged to have sent, is bad whatever the targets are. Pure.
 */
export function judgeRecovery(
  measured: RecoveryMeasurement,
  { timeMs: timeTargetMs, lossMs: lossTargetMs }: RecoveryTargets,
): readonly DrillFinding[] {
  const { timeMs, lossMs, acknowledged, lost, duplicated, unknown } = measured
  if (acknowledged === 0) return [{ isGood: false, text: 'no write was acknowledged, so this says nothing' }]
  return [
    {
      isGood: timeTargetMs === undefined || timeMs <= timeTargetMs,
      text: `recovery time ${formatDuration(timeMs)}${targetText(timeTargetMs)}`,
    },
    {
      // Without a target nothing acknowledged may be lost: that is what a commit promises.
      isGood: lossTargetMs === undefined || lossTargetMs === 0 ? lost === 0 : lossMs <= lossTargetMs,
      text:
        `recovery point ${formatDuration(lossMs)}${targetText(lossTargetMs)}: ` +
        `${lost} of ${acknowledged} acknowledged writes lost`,
    },
    ...(duplicated === 0 ? [] : [{ isGood: false, text: `${duplicated} writes are there more than once` }]),
    ...(unknown === 0 ? [] : [{ isGood: false, text: `${unknown} writes are there that were refused or never sent` }]),
  ]
}

function targetText(targetMs: number | undefined): string {
  return targetMs === undefined || targetMs === Infinity
    ? ' (no target in the blueprint)'
    : ` (target ${formatDuration(targetMs)})`
}
