import type { Application, Fact, PortUse, Program } from './application.ts'
import { runsNode } from '../blueprint/runs-node.ts'
import type { Manifest } from './manifest.ts'
import { readManifest } from './manifest.ts'
import { nextSteps } from './next-steps.ts'
import { findNodeStart } from './node-start.ts'
import { findProcfileStart, findPythonStart } from './other-start.ts'
import { nodePortUse } from './port-use.ts'
import type { ProjectFiles } from './project-files.ts'
import { findFirst, placeOf, withImports } from './source-text.ts'
import type { Start } from './start.ts'
import { rootIsCompiled } from './typescript-root.ts'

/** The first that a project depends on is what it is made with. */
const FRAMEWORKS: readonly (readonly [dependency: string, name: string])[] = [
  ['next', 'Next.js'],
  ['nuxt', 'Nuxt'],
  ['@nestjs/core', 'NestJS'],
  ['fastify', 'Fastify'],
  ['hono', 'Hono'],
  ['koa', 'Koa'],
  ['@hapi/hapi', 'hapi'],
  ['restify', 'Restify'],
  ['express', 'Express'],
  ['vite', 'Vite'],
]
const HEALTH =
  /\b(?:app|server|fastify)\.(?:get|use|all|route)\(\s*\{?\s*(?:url:\s*)?['"`](?<path>\/(?:api\/)?(?:healthz?|health-?check|readyz?|livez?|alive))['"`]/
const PAGE = /\b(?:app|server|fastify)\.get\(\s*['"`](?<path>\/[\w./-]*)['"`]/
const INSTANCES = 2
const VARIABLES_MAX = 60
/** What Tenfold sets, and the one name that an object can't have. */
const NOT_THEIRS = /^(?:PORT|HOST|NODE_ENV|TENFOLD_.*|__proto__)$/

/**
 * Finds out how a project is run, without running any of it: each fact comes with what says so.
 *
 * @returns undefined when nothing in it looks like a server
 */
export function detectApplication(files: ProjectFiles): Application | undefined {
  const manifest = readManifest(files)
  const start = findNodeStart(files, manifest) ?? findProcfileStart(files) ?? findPythonStart(files)
  if (start === undefined) return undefined
  const sources = start.source === undefined ? [] : withImports(files, start.source)
  const port = start.port ?? nodePortUse(files, sources)
  return {
    name: systemName(manifest?.name ?? files.directoryName),
    framework: start.framework ?? frameworkOf(manifest),
    program: start.program,
    port,
    instances: instancesOf(start.program.value, port),
    build: start.build,
    health: healthOf(files, start),
    page: pageOf(files, start),
    variables: variablesOf(files),
    extension: extensionOf(files, manifest),
    steps: nextSteps(files, { manifest, build: start.build, variables: variablesOf(files) }),
  }
}

/** Lower-case letters, digits and `-`, 40 at most, as the grammar has it. */
function systemName(given: string): string {
  const name = given
    .replace(/^@[^/]*\//, '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^[-0-9]+|-+$/g, '')
    .slice(0, 40)
    .replace(/-$/, '')
  return name === '' ? 'app' : name
}

function frameworkOf(manifest: Manifest | undefined): Fact<string> {
  const found = FRAMEWORKS.find(([dependency]) => manifest?.dependencies.has(dependency) === true)
  return found === undefined
    ? { value: 'a Node.js server', because: 'no framework is among its dependencies' }
    : { value: found[1], because: `package.json depends on ${found[0]}` }
}

function instancesOf(program: Program, port: Fact<PortUse>): Fact<number> {
  const canMove = typeof port.value !== 'number' || program.kind === 'entry' || runsNode(program.command)
  return canMove
    ? { value: INSTANCES, because: 'each gets a port of its own' }
    : { value: 1, because: `only one program can listen on ${port.value}: let it read PORT to run several` }
}

/** Only in the file that starts the server: elsewhere a path may have something in front of it. */
function healthOf(files: ProjectFiles, { source }: Start): Fact<string> | undefined {
  const found = source === undefined ? undefined : findFirst(files, [source], HEALTH)
  const path = found?.match.groups?.['path']
  return found === undefined || path === undefined
    ? undefined
    : { value: path, because: `${placeOf(found)} answers it` }
}

function pageOf(files: ProjectFiles, { source }: Start): Fact<string> {
  const text = source === undefined ? undefined : files.texts.get(source)
  const found = source === undefined ? undefined : findFirst(files, [source], PAGE)
  const path = found?.match.groups?.['path']
  const hasFrontPage = text === undefined || /['"`]\/['"`]/.test(text)
  return found === undefined || path === undefined || hasFrontPage || HEALTH.test(found.match[0])
    ? { value: '/', because: 'the front page' }
    : { value: path, because: `${placeOf(found)} answers it` }
}

/** A `.env` is never copied; whoever starts tenfold hands its variables over, and the values stay out of the blueprint. */
function variablesOf(files: ProjectFiles): Fact<readonly string[]> | undefined {
  const text = files.texts.get('.env') ?? ''
  const names = [...text.matchAll(/^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=/gm)].map(([, name]) => name as string)
  const own = [...new Set(names)].filter((name) => !NOT_THEIRS.test(name))
  return own.length === 0 ? undefined : { value: own.slice(0, VARIABLES_MAX), because: '.env sets them' }
}

function extensionOf(files: ProjectFiles, manifest: Manifest | undefined): Application['extension'] {
  const compiled = rootIsCompiled(files)
  if (compiled !== undefined) {
    return {
      value: 'mjs',
      because: `${compiled} compiles every .ts file up here, and would compile a .ts blueprint too`,
    }
  }
  return manifest?.type === 'commonjs'
    ? { value: 'mts', because: 'package.json says "type": "commonjs", and a blueprint is a module' }
    : { value: 'ts', because: 'Node.js runs TypeScript as it is' }
}
