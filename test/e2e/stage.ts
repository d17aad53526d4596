import { onTestFinished } from 'vitest'
import type { Stage, StageOptions } from './open-stage.ts'
import { openStage } from './open-stage.ts'

export * from './open-stage.ts'

/** A stage for one test. */
export function stage(files: Readonly<Record<string, string>> = {}, options: StageOptions = {}): Stage {
  const on = openStage(files, options)
  onTestFinished(() => on.close())
  return on
}
