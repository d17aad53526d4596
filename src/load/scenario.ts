import type { Scenario, Step, Think } from '../blueprint/scenario.ts'
import { didYouMean } from '../core/did-you-mean.ts'
import { parseDuration } from '../core/duration.ts'
import { TenfoldError } from '../core/errors.ts'
import type { Random } from '../core/random.ts'
import type { LoadedFeed, LoadedFeeds } from './feed.ts'
import { columnsOf } from './feed.ts'
import type { StepJudge } from './step-judge.ts'
import { compileJudge } from './step-judge.ts'
import type { RequestTemplate, StepCode } from './step-request.ts'
import { compileRequest } from './step-request.ts'

/** A scenario, ready to run. */
export interface CompiledScenario {
  readonly name: string
  readonly weight: number
  readonly steps: readonly CompiledStep[]
  /** Names of the session's values, by slot. */
  readonly slots: readonly string[]
  /** The feed columns that the steps use. */
  readonly columns: readonly { readonly slot: number; readonly feed: number; readonly column: number }[]
  readonly feeds: readonly LoadedFeed[]
  /** One request that is always the same: sessions have no state and can share one object. */
  readonly isStateless: boolean
}

/** A step, ready to run. */
export interface CompiledStep {
  readonly name: string
  /** Index among all steps of all scenarios: where its measurements are kept. */
  readonly index: number
  readonly request: RequestTemplate
  readonly judge: StepJudge
  /** Pause before the next step in milliseconds. */
  thinkMs(random: () => Random): number
}

/** Modules of `code` steps, loaded, by `<module>#<export>`. */
export type StepCodes = ReadonlyMap<string, StepCode>

/**
 * Compiles scenarios: templates are split, paths and patterns prepared, names resolved, once.
 *
 * @param host value of the Host header
 * @throws TF_SCENARIO_INVALID for what can never run: a placeholder without a source, a path or header that can't be sent
 */
export function compileScenarios(
  scenarios: readonly Scenario[],
  feeds: LoadedFeeds,
  host: string,
  codes: StepCodes = new Map(),
): CompiledScenario[] {
  let stepIndex = 0
  return scenarios.map((scenario) => {
    const ofScenario = Object.entries(feeds[scenario.name] ?? {})
    const slots: string[] = []
    const columns: CompiledScenario['columns'][number][] = []
    const known = new Set<string>()
    ofScenario.forEach(([name, feed], feedIndex) => {
      columnsOf(feed).forEach((column, columnIndex) => {
        columns.push({ slot: slots.length, feed: feedIndex, column: columnIndex })
        slots.push(`${name}.${column}`)
        known.add(`${name}.${column}`)
      })
    })
    const used = new Set<number>()

    const steps = scenario.steps.map((step) => {
      const where = `step "${step.name}" of scenario "${scenario.name}"`
      const read = (name: string): number => {
        if (!known.has(name)) throw unknownPlaceholder(name, where, known)
        used.add(slots.indexOf(name))
        return slots.indexOf(name)
      }
      const write = (name: string): number => {
        if (!slots.includes(name)) slots.push(name)
        known.add(name)
        return slots.indexOf(name)
      }
      const code = step.code === undefined ? undefined : codes.get(codeKey(step.code))
      return {
        name: step.name,
        index: stepIndex++,
        request: compileRequest(step, where, host, read, code),
        judge: compileJudge(step, write),
        thinkMs: compileThink(step.think),
      }
    })

    const hasCode = scenario.steps.some((step) => step.code !== undefined)
    const [first] = scenario.steps
    return {
      name: scenario.name,
      weight: scenario.weight ?? 1,
      steps,
      slots,
      columns: columns.filter(({ slot }) => hasCode || used.has(slot)),
      feeds: ofScenario.map(([, feed]) => feed),
      isStateless: steps.length === 1 && steps[0]?.request.constant !== undefined && first?.extract === undefined,
    }
  })
}

/** Whether a scenario can be rendered for other tools: one with a `code` step can't. */
export function isRenderable(scenario: Scenario): boolean {
  return scenario.steps.every((step) => step.code === undefined)
}

/** The key of a step's code among `StepCodes`. */
export function codeKey(code: NonNullable<Step['code']>): string {
  return `${code.module}#${code.export}`
}

function compileThink(think: Think | undefined): CompiledStep['thinkMs'] {
  if (think === undefined) return () => 0
  const meanMs = parseDuration(think.mean)
  switch (think.distribution ?? 'exponential') {
    case 'constant':
      return () => meanMs
    case 'uniform':
      return (random) => random().next() * 2 * meanMs
    case 'exponential':
      return (random) => random().exponential(meanMs)
  }
}

function unknownPlaceholder(name: string, where: string, known: ReadonlySet<string>): TenfoldError {
  const meant = didYouMean(name, known)
  return new TenfoldError(
    'TF_SCENARIO_INVALID',
    `${where}: expected {{${name}}} to be a feed column or extracted by an earlier step, got no such value`,
    {
      hint:
        meant === undefined
          ? `use one of: ${[...known].join(', ') || 'none is available here'}`
          : `did you mean {{${meant}}}?`,
    },
  )
}
