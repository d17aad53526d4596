// Builds `dist` after `npm ci`, under whatever Node npm found: nothing here needs more than Node 20.
import { spawnSync } from 'node:child_process'
import { lstatSync, mkdirSync, rmSync, symlinkSync } from 'node:fs'

rmSync('dist', { recursive: true, force: true })
const compiler = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'], {
  stdio: 'inherit',
})
if (compiler.error) console.error(`expected the TypeScript compiler to run, got: ${compiler.error.message}`)
if (compiler.status !== 0) {
  console.error('Next: run "npm ci" without --omit=optional, which brings the compiler along.')
  process.exit(compiler.status ?? 1)
}
mkdirSync('node_modules/.bin', { recursive: true })
if (!lstatSync('node_modules/.bin/tenfold', { throwIfNoEntry: false }))
  symlinkSync('../../bin/tenfold.js', 'node_modules/.bin/tenfold')
