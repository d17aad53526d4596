import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { checkBlueprint } from '../../src/blueprint/check.ts'
import type { Problem } from '../../src/blueprint/problem.ts'
import { shape } from '../../src/blueprint/shape.ts'
import { TenfoldError } from '../../src/core/errors.ts'
import type { DocumentedOption } from '../../tools/blueprint-document.ts'
import { blueprintDocument, documentedInterfaces, documentedOptions } from '../../tools/blueprint-document.ts'
import { ROOT, withoutComments } from '../tidy/source-files.ts'

const page = readFileSync(join(ROOT, 'docs/reference/blueprint.md'), 'utf8')
const step = { name: 'menu', path: '/menu' }
const visit = {
  name: 'visit',
  feeds: { user: { sequence: { from: 1, to: 9 } }, token: { rows: [{ token: 'x' }] } },
  steps: [{ name: 'first', path: '/', extract: { token: { json: 'token' }, order: { json: 'id' } } }],
}
const load = { peak: '20 sessions/s', scenarios: [visit] }

/** Where the options of an interface stand in a whole blueprint. */
const PLACES: Readonly<Record<string, (options: object) => object>> = {
  Blueprint: (options) => options,
  Service: (options) => inService(withProgram(options)),
  Route: (route) => inService({ entry: 'x.ts', routes: [{ path: '/', ...route }] }),
  Schedule: (schedule) => inService({ entry: 'x.ts', schedule: { cron: '0 3 * * *', ...schedule } }),
  Instances: (instances) => inService({ entry: 'x.ts', instances }),
  Resources: (resources) => inService({ entry: 'x.ts', resources }),
  Traffic: (traffic) => inService({ entry: 'x.ts', health: '/healthz', traffic }),
  Probe: (probe) => inService({ entry: 'x.ts', health: '/healthz', traffic: { probe } }),
  Rate: (rate) => inService({ entry: 'x.ts', traffic: { rate: { requests: 1, ...rate } } }),
  Adaptive: (adaptive) => inService({ entry: 'x.ts', traffic: { adaptive } }),
  Shed: (shed) => inService({ entry: 'x.ts', traffic: { shed: { low: ['batch'], ...shed } } }),
  Ejection: (ejection) => inService({ entry: 'x.ts', traffic: { ejection } }),
  InFlight: (inFlight) => inService({ entry: 'x.ts', traffic: { inFlight } }),
  Queue: (queue) => inService({ entry: 'x.ts', traffic: { queue } }),
  Database: (shop) => inDatabase(shop),
  Backup: (backup) => ({ databases: { shop: { backup: { to: './backups', ...backup } } } }),
  BackupBucket: (to) => ({ databases: { shop: { backup: { to: { bucket: 's3://acme-backups/shop', ...to } } } } }),
  Recovery: (recovery) => ({ databases: { shop: { recovery } } }),
  Engine: (shop) => ({ databases: { shop } }),
  Objective: (web) => ({ objectives: { web } }),
  Load: (options) => ({ load: { ...load, ...options } }),
  Scenario: (options) => ({ load: { ...load, scenarios: [{ ...visit, ...options }] } }),
  Step: (options) => inStep('json' in options ? { method: 'POST', ...options } : options),
  Check: (check) => inStep({ check }),
  Think: (think) => inStep({ think: { mean: '1s', ...think } }),
  Gateway: (gateway) => ({ gateway }),
  Certificate: (tls) => ({ gateway: { tls: { certificate: './cert.pem', key: './key.pem', ...tls } } }),
  HeaderLimits: (headers) => ({ gateway: { headers } }),
  Cache: (recipes) => ({ caches: { recipes: { ttl: '1h', ...recipes } } }),
  Topic: (placed) => ({ databases: { orders: {} }, topics: { placed: { key: 'user_id', partitions: 12, ...placed } } }),
  WorkQueue: (emails) => ({ databases: { orders: {} }, queues: { emails } }),
  Alerts: (alerts) => ({ alerts }),
}

/** Refused as a whole. */
const LATER = new Set(['Cache', 'Alerts'])

function withProgram(options: object): object {
  if ('entry' in options || 'command' in options) return options
  const isFiles = 'static' in options || 'fallback' in options
  return isFiles ? { static: './dist', routes: ['/'], ...options } : { entry: 'x.ts', ...options }
}

function inDatabase(options: object): object {
  const key = 'shards' in options || 'reference' in options ? { key: 'user_id' } : {}
  const shards = 'key' in options || 'reference' in options ? { shards: { by: 'hash', count: 4 } } : {}
  const standby = 'durability' in options ? { standby: 'synchronous' } : {}
  return { databases: { shop: { ...key, ...shards, ...standby, ...options } } }
}

function inService(web: object): object {
  const services = { web, prices: { entry: 'x.ts' } }
  if ('caches' in web) return { services, caches: { recipes: { ttl: '1h' } } }
  const topics = { order_placed: { key: 'user_id', partitions: 12 } }
  if ('publishes' in web || 'consumes' in web) return { services, databases: { orders: {} }, topics }
  if ('enqueues' in web || 'works' in web) return { services, databases: { orders: {} }, queues: { emails: {} } }
  return { services }
}

function inStep(options: object): object {
  return { load: { ...load, scenarios: [{ ...visit, steps: [...visit.steps, { ...step, ...options }] }] } }
}

test('docs/reference/blueprint.md is up to date: run "npm run docs"', () => {
  expect(page).toBe(blueprintDocument())
})

describe.each(documentedInterfaces())('%s %s', (file, name) => {
  const options = documentedOptions(file, name)
  const place = PLACES[name]!

  test('has exactly the options that the check knows', () => {
    const known = knownOptions(place({ '?': 1 }))
    // What an engine adds to a database stands in a table of its own.
    const others = ['Database', 'Cache', 'Topic', 'WorkQueue'].includes(name)
      ? documentedOptions('engine.ts', 'Engine')
      : []
    const all = name === 'Engine' ? known.filter((option) => options.some((one) => one.name === option)) : known
    expect([...options, ...others].map((option) => option.name).toSorted()).toEqual(all.toSorted())
  })

  test.each(options.map((option) => [option.name, option] as const))(
    '%s is described with a default and a true example',
    (_name, option) => {
      expect(option).toMatchObject({ meaning: expect.stringMatching(/^[A-Z`].*\.$/), example: expect.any(String) })
      if (!option.isRequired) expect(option.byDefault).toEqual(expect.stringMatching(/./))
      const codes = problemsOf(place(exampleOf(option)))
        .filter(({ message }) => !/^expected a (?:file|directory) at /.test(message))
        .map(({ code, path, message }) => (code === 'TF_NOT_IMPLEMENTED' ? code : `${path}: ${message}`))
      expect(new Set(codes)).toEqual(new Set(option.isLater || LATER.has(name) ? ['TF_NOT_IMPLEMENTED'] : []))
    },
  )
})

test.each(['scale', 'scenario', 'database', 'traffic'])('the page names every option of the forms in %s.ts', (file) => {
  const source = withoutComments(readFileSync(join(ROOT, `src/blueprint/${file}.ts`), 'utf8'))
  const options = [...source.matchAll(/[{;]\s*'?([a-z][\w.]*)'?\??: /g)].map(([, option]) => option as string)
  expect(options).not.toEqual([])
  const words = new Set(page.match(/[\w.]+/g))
  expect(options.filter((option) => !words.has(option))).toEqual([])
})

function exampleOf({ example }: DocumentedOption): object {
  // oxlint-disable-next-line no-new-func -- an example is an expression of our own docstrings
  return new Function('shape', 'visit', 'dinner', `return { ${example?.replace(/<\w+>/, '')} }`)(
    shape,
    visit,
    visit,
  ) as object
}

/** From the hint for an option that nothing resembles. */
function knownOptions(blueprint: object): readonly string[] {
  const hint = problemsOf(blueprint).find(
    ({ path }) => path.endsWith('?') || path.includes("'?'") || path.includes('"?"'),
  )
  return [...(hint?.hint ?? '').matchAll(/'([^']+)'/g)].map(([, option]) => option as string)
}

function problemsOf(blueprint: object): readonly Problem[] {
  const whole = {
    name: 'shop',
    databases: { orders: {} },
    services: { web: { entry: 'x.ts', routes: ['/'] }, prices: { entry: 'x.ts' } },
    ...blueprint,
  }
  try {
    checkBlueprint(whole, { file: '/nowhere/tenfold.config.ts' })
    return []
  } catch (error) {
    if (!(error instanceof TenfoldError)) throw error
    return error.details['problems'] as readonly Problem[]
  }
}
