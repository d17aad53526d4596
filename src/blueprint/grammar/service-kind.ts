import type { Place } from '../place.ts'

/** What a service is: a server that gets requests, files that the gateway serves, or a program that runs at times. */
export type ServiceKind = 'server' | 'files' | 'job'

type Given = Readonly<Record<string, unknown>>

const PROGRAM = [
  'databases',
  'caches',
  'publishes',
  'consumes',
  'enqueues',
  'works',
  'calls',
  'env',
  'resources',
  'stopTimeout',
]
const SERVER = ['port', 'instances', 'scale', 'health', 'startTimeout', 'timeout', 'traffic']
/** What has no meaning for a kind, and why. */
const WITHOUT: Readonly<Record<ServiceKind, { names: readonly string[]; why: string; what: string }>> = {
  server: { names: ['fallback'], why: 'a program answers for its own pages', what: 'a service with a program' },
  files: {
    names: [...PROGRAM, ...SERVER],
    why: 'the gateway serves them, and no program runs',
    what: 'a service of files',
  },
  job: {
    names: ['routes', 'consumes', 'works', ...SERVER],
    why: 'it gets no requests',
    what: 'a service with a schedule',
  },
}

/** Checks that a service is one thing, and has what goes with it. */
export function checkKind(given: Given, place: Place): void {
  const programs = ['entry', 'command', 'static'].filter((name) => given[name] !== undefined)
  if (programs.length > 1) {
    place.invalid(
      `expected a service to have one of 'entry', 'command' and 'static', got ${programs.map((name) => `'${name}'`).join(' and ')}`,
      "keep 'entry' for a Node.js file, 'command' for any other program, 'static' for files",
    )
  } else if (programs.length === 0) {
    place.invalid(
      "expected a service to have 'entry', 'command' or 'static', got none of them",
      "add entry: './server.ts', command: 'python3 app.py', or static: './dist'",
    )
  }
  if (programs.length !== 1) return
  const kind = kindOf(given)
  const { names, why, what } = WITHOUT[kind]
  for (const name of names.filter((each) => given[each] !== undefined)) {
    place.at(name).invalid(`expected ${what} to have no '${name}': ${why}`, `remove '${name}'`)
  }
  if (kind === 'files') checkFiles(given, place)
}

function kindOf(given: Given): ServiceKind {
  if (given['static'] !== undefined) return 'files'
  return given['schedule'] === undefined ? 'server' : 'job'
}

function checkFiles({ routes, schedule }: Given, place: Place): void {
  if (schedule !== undefined) {
    place.at('schedule').invalid("expected a program to run at times, got 'static'", "remove 'schedule'")
  }
  if (routes === undefined || (Array.isArray(routes) && routes.length === 0)) {
    place.at('routes').invalid('expected files to have a route, got none', "add routes: ['/']")
  }
}
