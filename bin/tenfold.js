#!/usr/bin/env node
// Plain JavaScript that an old Node can run: finds a Node that is new enough and becomes it.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { constants } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const NODE_MIN = [22, 19]
const root = dirname(dirname(fileURLToPath(import.meta.url)))
const isCheckout = existsSync(join(root, 'tsconfig.json'))
const main = join(root, isCheckout ? 'src/cli/main.ts' : 'dist/cli/main.js')

const [major, minor] = process.versions.node.split('.').map(Number)
const isEnough = major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1])
const node = isEnough ? process.execPath : carriedNode()

if (node === undefined) {
  console.error(`tenfold: expected Node ${NODE_MIN.join('.')} or newer, got ${process.versions.node} [TF_NODE_TOO_OLD]`)
  console.error(
    isCheckout
      ? 'Next: run "npm ci" (without --omit=optional), which brings a Node along.'
      : 'Next: install Node 24 or newer and run the command again.',
  )
  process.exit(1)
}
become(node)

/** The Node that the private workspace `tools/node` installs, named after the platform. */
function carriedNode() {
  const require = createRequire(join(root, 'package.json'))
  for (const prefix of ['node', 'node-bin']) {
    try {
      const manifest = require.resolve(`${prefix}-${process.platform}-${process.arch}/package.json`)
      const binary = join(dirname(manifest), 'bin', 'node')
      if (existsSync(binary)) return binary
    } catch {
      // Not this name: the platforms' packages are named in two ways.
    }
  }
  return undefined
}

function become(binary) {
  const args = [
    ...(isCheckout ? ['--conditions=tenfold-source'] : []),
    // Blueprints of projects without "type": "module", and node:sqlite on Node 22 and 24: nothing a user can act on.
    '--disable-warning=MODULE_TYPELESS_PACKAGE_JSON',
    '--disable-warning=ExperimentalWarning',
    main,
    ...process.argv.slice(2),
  ]
  const env = { ...process.env, PATH: `${dirname(binary)}${delimiter}${process.env.PATH ?? ''}` }
  if (typeof process.execve === 'function') return process.execve(binary, [binary, ...args], env)
  // Node 20 can't be replaced: the child ends when this process goes (main.ts listens for 'disconnect').
  const child = spawn(binary, args, { stdio: ['inherit', 'inherit', 'inherit', 'ipc'], env })
  // The terminal sends Ctrl-C to both; a signal sent to this process alone is passed on.
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT']) process.on(signal, () => child.kill(signal))
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? 128 + (constants.signals[signal] ?? 1)
  })
}
