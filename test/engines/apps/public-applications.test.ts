import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join, relative } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { SystemSnapshot } from '../../../src/control/snapshot.ts'
import { systemClock } from '../../../src/core/clock.ts'
import { findFreePort } from '../../../src/core/free-port.ts'
import type { Stage } from '../../e2e/stage.ts'
import { stage, writeTree } from '../../e2e/stage.ts'
import { APPLICATIONS, REGISTRY_AS_OF } from './applications.ts'
import type { PublicApplication } from './applications.ts'
import { instancesThatAnswer, visit } from './visit.ts'

const run = promisify(execFile)
const STEP_TIMEOUT_MS = 180_000
const PING_TIMEOUT_MS = 20_000
/** What npm says when it can't reach a registry, or that does not have a package. */
const NO_REGISTRY =
  /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|E40[134]|E5\d\d|ERR_SOCKET_TIMEOUT/
const env = {
  ...process.env,
  PATH: `${dirname(process.execPath)}:${process.env['PATH']}`,
  NODE_OPTIONS: undefined,
  VITEST: undefined,
  NODE_ENV: undefined,
  npm_config_audit: 'false',
  npm_config_before: REGISTRY_AS_OF,
  npm_config_fund: 'false',
  npm_config_loglevel: 'error',
  npm_config_prefer_offline: 'true',
  npm_config_update_notifier: 'false',
}
const report: string[] = []
let whyNoRegistry: string | undefined
let whyNoPython: string | undefined

beforeAll(async () => {
  whyNoRegistry = await reasonOf(
    run('npm', ['ping', '--fetch-retries=0'], { env, timeout: PING_TIMEOUT_MS }),
    'no npm registry answers',
  )
  whyNoPython = await reasonOf(run('python3', ['--version']), 'there is no python3')
}, 60_000)
afterAll(() => {
  const ran = report.filter((line) => line.startsWith('ran')).length
  const sum = `${ran} of ${APPLICATIONS.length} public applications ran`
  process.stdout.write(`\n${report.join('\n')}\n${sum}${ran < APPLICATIONS.length ? ': NOT ALL OF THEM' : ''}\n`)
})

describe('a public application runs unchanged, several instances behind the gateway', () => {
  test.for(APPLICATIONS)('$name', { timeout: 400_000 }, async (application, { skip }) => {
    const startedMs = systemClock.nowMs()
    const why = (application.needsPython && whyNoPython) ?? (isFromRegistry(application) && whyNoRegistry) ?? undefined
    try {
      if (typeof why === 'string') throw new Unavailable(why)
      const answering = await tryOut(application)
      const seconds = Math.round((systemClock.nowMs() - startedMs) / 1_000)
      report.push(`ran      ${application.name}: ${answering.join(' and ')} answered (${seconds} s)`)
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error
      report.push(`skipped  ${application.name}, because ${error.message}`)
      skip(error.message)
    }
  })
})

describe('a program whose port can not be moved', () => {
  test('runs once, and is refused more than once', { timeout: 60_000 }, async ({ skip }) => {
    if (whyNoPython !== undefined) skip(whyNoPython)
    const port = await findFreePort()
    const on = stage({
      'app.py': `from wsgiref.simple_server import make_server, demo_app\nmake_server('127.0.0.1', ${port}, demo_app).serve_forever()\n`,
    })
    expect((await on.end(['init'])).out).toContain(`only one program can listen on ${port}`)
    const started = await on.end(['up', '--detach', '--port', '0'])
    expect(started).toMatchObject({ code: 0 })
    const snapshot = await statusOf(on)
    expect(snapshot.services['web']!.instances).toMatchObject([{ state: 'ready', port }])
    await visit(snapshot.gateway.url as string, { path: '/', contains: 'Hello world!' })
    expect(await on.end(['down'])).toMatchObject({ code: 0 })

    const file = join(on.directory, 'tenfold.config.ts')
    writeFileSync(file, readFileSync(file, 'utf8').replace('min: 1', 'min: 2'))
    const refused = await on.end(['up', '--detach'])
    expect(refused.code).toBe(1)
    expect(refused.err).toContain('let the program listen on $PORT')
  })
})

/** Not a failure: what it takes is not here. */
class Unavailable extends Error {}

async function tryOut({ made, files, page, port }: PublicApplication): Promise<readonly string[]> {
  const beside = mkdtempSync(join(tmpdir(), 'tenfold applications '))
  onTestFinished(() => rmSync(beside, { recursive: true, force: true }))
  const app = join(beside, 'app')
  for (const line of made) await step(line, existsSync(app) ? app : beside)
  writeTree(app, files?.(app) ?? {})
  const before = contentsOf(app)

  const on = stage({}, { directory: app })
  const found = await on.end(['init', '--json'])
  expect(found, found.err).toMatchObject({ code: 0 })
  const { facts, steps, file } = JSON.parse(found.out) as Found
  expect(facts).toMatchObject({ port: { value: port }, instances: { value: 2 } })
  // Tenfold is that of this checkout: neither is it installed, nor started as the last step says.
  for (const line of steps.filter((text) => !/ --save-dev |^npx tenfold /.test(text))) await step(line, app)
  try {
    const started = await on.end(['up', '--detach', '--port', '0'])
    expect(started, started.err).toMatchObject({ code: 0 })
    const snapshot = await statusOf(on)
    const ids = snapshot.services['web']!.instances.map(({ id }) => id)
    expect(ids).toHaveLength(2)
    for (let times = 0; times < 10; times++) await visit(snapshot.gateway.url as string, page)
    expect(await instancesThatAnswer(snapshot, page)).toEqual(ids)
    return ids
  } finally {
    expect(await on.end(['down'])).toMatchObject({ code: 0 })
    expect(contentsOf(app).filter((line) => !line.startsWith(basename(file)))).toEqual(
      expect.arrayContaining([...before]),
    )
  }
}

async function statusOf(on: Stage): Promise<SystemSnapshot> {
  return JSON.parse((await on.end(['status', '--json'])).out) as SystemSnapshot
}

/** What `tenfold init --json` prints, as far as it is looked at. */
interface Found {
  readonly file: string
  readonly steps: readonly string[]
  readonly facts: { readonly port: { readonly value: unknown } }
}

/** Runs a command line as a person would type it. */
async function step(line: string, cwd: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const child = execFile('/bin/sh', ['-c', line], { cwd, env, timeout: STEP_TIMEOUT_MS }, (error, stdout, stderr) => {
    if (error === null) return resolve()
    const output = `${stdout}${stderr}`
    const isUnavailable = line.includes('npm') && NO_REGISTRY.test(output)
    const what = `"${line}" fails: ${output.slice(-2_000)}`
    reject(isUnavailable ? new Unavailable(what) : new Error(what))
  })
  // Whoever asks a question gets no answer.
  child.stdin?.end()
  await promise
}

function isFromRegistry({ made }: PublicApplication): boolean {
  return made.some((line) => line.startsWith('npm'))
}

async function reasonOf(tried: Promise<unknown>, reason: string): Promise<string | undefined> {
  return tried.then(
    () => undefined,
    () => reason,
  )
}

/** `path hash` of every file that is the application's own. */
function contentsOf(app: string): readonly string[] {
  return readdirSync(app, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !/\/(?:node_modules|\.tenfold|dist)\//.test(path))
    .map((path) => `${relative(app, path)} ${createHash('sha256').update(readFileSync(path)).digest('hex')}`)
    .toSorted()
}
