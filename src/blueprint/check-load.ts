import { didYouMean } from '../core/did-you-mean.ts'
import { anyOf } from './describe-value.ts'
import type { ReadFeed, ReadScenario, ReadStep } from './grammar/scenario.ts'
import type { ReadSystem } from './grammar/system.ts'
import type { Place } from './place.ts'
import type { Placeholder } from './placeholder.ts'
import { placeholdersIn } from './placeholder.ts'
import type { JsonTemplate } from './scenario.ts'

/** Columns of a CSV feed, undefined where the file can't be read. */
export type ColumnsOf = (file: string) => readonly string[] | undefined

/** Checks what a scenario's steps need from each other, from the feeds and from the routes. */
export function checkLoad(system: ReadSystem, place: Place, columnsOf: ColumnsOf): void {
  const scenarios = system.load?.scenarios ?? []
  if (scenarios.length === 0) return
  // With a problem elsewhere a route may be missing here that is there in the file.
  const areRoutesKnown = place.problemCount === 0
  const routes = [...(system.services?.values() ?? [])].flatMap(
    (service) => service?.routes?.map(({ path }) => path) ?? [],
  )
  if (routes.length === 0 && areRoutesKnown) {
    place
      .at('load')
      .invalid(
        'expected a service with routes, since load comes in through the gateway, got none',
        "add routes: ['/'] to a service",
      )
  }
  const names = new Set<string>()
  for (const [index, scenario] of scenarios.entries()) {
    const at = place.at('load').at('scenarios').at(index)
    checkUnique(scenario.name, names, at)
    checkSteps(scenario, at, { routes: areRoutesKnown ? routes : [], columnsOf })
  }
}

interface Context {
  readonly routes: readonly string[]
  readonly columnsOf: ColumnsOf
}

function checkSteps(scenario: ReadScenario, place: Place, { routes, columnsOf }: Context): void {
  const feeds = new Map([...(scenario.feeds ?? [])].map(([name, feed]) => [name, columnsIn(feed, columnsOf)]))
  const names = new Set<string>()
  const extracted = new Set<string>()
  for (const [index, step] of (scenario.steps ?? []).entries()) {
    const at = place.at('steps').at(index)
    checkUnique(step.name, names, at)
    for (const [text, where] of textsOf(step, at)) {
      for (const placeholder of placeholdersIn(text)) checkPlaceholder(placeholder, where, { feeds, extracted })
    }
    if (routes.length > 0 && step.path !== undefined) checkRoute(step, routes, at.at('path'))
    for (const name of step.extract?.keys() ?? []) extracted.add(name)
  }
}

function checkUnique(name: string | undefined, names: Set<string>, place: Place): void {
  if (name === undefined) return
  if (names.has(name))
    place
      .at('name')
      .invalid(`expected each name once, got '${name}' again`, 'rename one of them: reports tell them apart by name')
  names.add(name)
}

/** Columns that every row has; undefined when they are not known. */
function columnsIn(feed: ReadFeed | undefined, columnsOf: ColumnsOf): readonly string[] | undefined {
  if (feed?.sequence !== undefined) return ['value']
  if (feed?.file !== undefined) return columnsOf(feed.file)
  const [first, ...others] = feed?.rows ?? []
  return first === undefined ? undefined : [...first.keys()].filter((column) => others.every((row) => row.has(column)))
}

/** Every text of a step that may hold placeholders, and where it stands. */
function textsOf(step: ReadStep, place: Place): readonly (readonly [string, Place])[] {
  return [
    ...(step.path === undefined ? [] : [[step.path, place.at('path')] as const]),
    ...[...(step.headers ?? [])].map(([name, text]) => [text ?? '', place.at('headers').at(name)] as const),
    ...(step.json === undefined ? [] : textsIn(step.json, place.at('json'))),
  ]
}

function textsIn(json: JsonTemplate, place: Place): readonly (readonly [string, Place])[] {
  if (typeof json === 'string') return [[json, place]]
  if (typeof json !== 'object' || json === null) return []
  if (isList(json)) return json.flatMap((element, index) => textsIn(element, place.at(index)))
  return Object.entries(json).flatMap(([key, element]) => textsIn(element, place.at(key)))
}

function isList(json: object): json is readonly JsonTemplate[] {
  return Array.isArray(json)
}

interface Known {
  readonly feeds: ReadonlyMap<string, readonly string[] | undefined>
  readonly extracted: ReadonlySet<string>
}

function checkPlaceholder(placeholder: Placeholder, place: Place, { feeds, extracted }: Known): void {
  switch (placeholder.kind) {
    case 'malformed':
      place.invalid(
        `expected a placeholder such as {{user.id}} or {{token}}, got '${placeholder.text}'`,
        'write a name between {{ and }}',
      )
      return
    case 'extract': {
      const { name } = placeholder
      if (extracted.has(name)) return
      const isFeed = feeds.has(name)
      const column = feeds.get(name)?.[0] ?? 'column'
      place.invalid(
        `expected a value that an earlier step extracts, got {{${name}}}${guess(name, extracted)}`,
        isFeed ? `name a column of the feed: {{${name}.${column}}}` : `add extract: { ${name}: … } to an earlier step`,
      )
      return
    }
    case 'feed': {
      const { feed, column } = placeholder
      if (!feeds.has(feed)) {
        place.invalid(
          `expected a feed of this scenario, got {{${feed}.${column}}}${guess(feed, feeds.keys())}`,
          `add '${feed}' to 'feeds'`,
        )
        return
      }
      const columns = feeds.get(feed)
      if (columns === undefined || columns.includes(column)) return
      place.invalid(
        `expected a column that every row of feed '${feed}' has, got {{${feed}.${column}}}${guess(column, columns)}`,
        columns.length === 0 ? 'give all rows the same columns' : `use ${anyOf(columns)}`,
      )
    }
  }
}

function guess(name: string, known: Iterable<string>): string {
  const near = didYouMean(name, known)
  return near === undefined ? '' : `; did you mean '${near}'?`
}

/** A step that no route takes would get 404 each time; one that expects a 404 may want that. */
function checkRoute(step: ReadStep, routes: readonly string[], place: Place): void {
  const path = step.path as string
  const fixed = path.split(/\{\{|\?/, 1)[0] as string
  const isWhole = fixed === path.split('?', 1)[0]
  const isTaken = routes.some(
    (route) =>
      route === '/' || fixed === route || fixed.startsWith(`${route}/`) || (!isWhole && route.startsWith(fixed)),
  )
  if (isTaken || step.check?.status?.includes(404) === true) return
  place.invalid(
    `expected a path below one of the routes, ${anyOf(routes)}, got '${path}'`,
    'correct the path, or add the route to a service',
  )
}
