import type { ResolvedService } from '../blueprint/resolved-blueprint.ts'
import type { Scenario } from '../blueprint/scenario.ts'

/** A step of a scenario, by name. */
export interface StepName {
  readonly scenario: string
  readonly step: string
}

/**
 * Which steps of the scenarios a service answers: those whose path has one of its routes as the longest matching
 * prefix, on whole segments, as the gateway decides it. Pure. A placeholder matches nothing but itself, so a step
 * whose first segment is one belongs to whoever has the shorter route.
 */
export function stepsOf(
  service: string,
  services: Readonly<Record<string, Pick<ResolvedService, 'name' | 'routes'>>>,
  scenarios: readonly Scenario[],
): readonly StepName[] {
  const routes = Object.values(services)
    .flatMap(({ name, routes }) => routes.map((prefix) => ({ name, prefix })))
    .sort((a, b) => b.prefix.length - a.prefix.length)
  return scenarios.flatMap(({ name: scenario, steps }) =>
    steps
      .filter(({ path }) => routes.find(({ prefix }) => isBelow(prefix, path))?.name === service)
      .map(({ name: step }) => ({ scenario, step })),
  )
}

function isBelow(prefix: string, path: string): boolean {
  const base = prefix.replace(/\/$/, '')
  return path === base || path.startsWith(`${base}/`) || path.startsWith(`${base}?`)
}
