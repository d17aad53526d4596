// Packs the package, installs it into an empty project as a user would, and runs a system with it.
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const project = mkdtempSync(join(tmpdir(), 'tenfold package '))
// As a project is: under root the unprivileged children read it, and nothing has to be put elsewhere.
chmodSync(project, 0o755)
/** The carried Node first: an installed Tenfold expects a new one on the PATH. */
const env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env.PATH}` }
let passed = 0

function run(what, command, args, { cwd = project, expect = '', statuses = [0] } = {}) {
  const result = spawnSync(command, args, { cwd, env, encoding: 'utf8', timeout: 300_000 })
  const output = `${result.stdout}${result.stderr}`
  if (!statuses.includes(result.status) || !output.includes(expect)) {
    console.error(`✗ ${what}\n${output}\nexit status ${result.status}`)
    throw new Error(what)
  }
  passed += 1
  console.log(`✓ ${what}`)
  return result.stdout
}

try {
  const tarball = run('packs', 'npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', project], {
    cwd: root,
  }).trim()
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'shop', private: true, type: 'module' }))
  run('installs from the tarball', 'npm', ['install', '--no-audit', '--no-fund', join(project, tarball)])

  const subpaths = Object.keys(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).exports)
  for (const subpath of subpaths.filter((path) => !path.endsWith('.json'))) {
    const specifier = join('tenfold', subpath)
    run(`imports ${specifier}`, 'node', ['--input-type=module', '-e', `await import('${specifier}')`])
  }

  // Commands may run another Node than ours, such as the one that npm runs on here.
  const other = process.env.npm_node_execpath ?? process.execPath
  const preload = pathToFileURL(join(project, 'node_modules/tenfold/dist/service/preload.js')).href
  const serve = `const server = require('node:http').createServer().listen(0, () => server.close(() => console.log('served')))`
  run('lets the Node of a command serve', other, ['--import', preload, '-e', serve], { expect: 'served' })

  mkdirSync(join(project, 'services'))
  writeFileSync(
    join(project, 'tenfold.config.ts'),
    `import { defineSystem } from 'tenfold'
export default defineSystem({
  name: 'shop',
  databases: { main: {} },
  services: { web: { entry: './services/web.ts', routes: ['/'], databases: ['main'], instances: { min: 2 } } },
})
`,
  )
  writeFileSync(
    join(project, 'services/web.ts'),
    `import { createServer } from 'node:http'
createServer((_request, response) => response.end('hello from ' + process.env['TENFOLD_INSTANCE'])).listen(Number(process.env['PORT']))
`,
  )
  run('checks a blueprint', 'npx', ['tenfold', 'check'], { expect: 'shop' })
  run('starts a system', 'npx', ['tenfold', 'up', '--detach'], { expect: 'running' })
  try {
    const { gateway } = JSON.parse(run('tells its state', 'npx', ['tenfold', 'status', '--json']))
    const answer = await (await fetch(gateway.url)).text()
    if (!answer.startsWith('hello from web-')) throw new Error(`expected the service's answer, got ${answer}`)
    passed += 1
    console.log('✓ answers through the gateway')
  } finally {
    run('stops it', 'npx', ['tenfold', 'down'])
  }

  const application = join(project, 'an application')
  mkdirSync(application)
  writeFileSync(
    join(application, 'server.js'),
    `import { createServer } from 'node:http'
createServer((_request, response) => response.end('hello')).listen(3000)
`,
  )
  run('finds out how an application is run', 'npx', ['tenfold', 'init', 'an application'], { expect: 'Wrote' })
  run('finds its blueprint right', 'npx', ['tenfold', 'check', 'an application'], { expect: 'is right' })
  const once = ['tenfold', 'up', 'an application', '--once', '--port', '0', '--duration', '5s']
  // That the report is there is what matters here: a busy machine may fail the objectives, or the generator.
  run('starts it, rehearses and stops', 'npx', once, { expect: 'Rehearsal of', statuses: [0, 1] })
  console.log(`\n${passed} passed, 0 failed`)
} catch (error) {
  console.error(error)
  console.log(`\n${passed} passed, 1 failed`)
  process.exitCode = 1
} finally {
  rmSync(project, { recursive: true, force: true })
}
