import { posix } from 'node:path'
import type { Fact } from './application.ts'
import type { Manifest } from './manifest.ts'
import { packageManagerOf } from './manifest.ts'
import type { ProjectFiles } from './project-files.ts'
import { readCommand } from './read-command.ts'
import { findFirst, resolveModule, withImports } from './source-text.ts'
import type { Start } from './start.ts'

/** Scripts that start a server, what runs in production first. */
const SCRIPTS = ['start:prod', 'start:production', 'start', 'serve', 'preview', 'dev']
/** Where the file that starts a server is when nobody says. */
const FILES = ['server', 'app', 'index', 'main', 'src/server', 'src/app', 'src/index', 'src/main']
const SERVES = /\.listen\(|\bserve\(|\bcreateServer\(/
/** Where builds write to. */
const OUTPUTS = ['dist', 'build', 'out', 'lib', '.next', '.output']
const NESTED = /^(?:npm|pnpm|yarn)(?: run)? ([\w:.-]+)$/
const NESTED_MAX = 3
/** What only a shell understands; then the script is run as a whole. */
const SHELL_ONLY = /[|;<>`\n]|\$\(|(?:^|[^&])&(?!&)/

/** How a Node project is started: by its scripts, else by a file that serves. */
export function findNodeStart(files: ProjectFiles, manifest: Manifest | undefined): Start | undefined {
  return (manifest && fromScripts(files, manifest)) ?? fromFile(files, manifest)
}

function fromScripts(files: ProjectFiles, { scripts }: Manifest): Start | undefined {
  const manager = packageManagerOf(files)
  const name = SCRIPTS.find((candidate) => (scripts[candidate] ?? '').trim() !== '')
  if (name === undefined) return undefined
  const runs = name === 'start' ? `${manager} start` : `${manager} run ${name}`
  const { text, builds } = unfold(scripts, name)
  const because = `what "${runs}" runs, by package.json`
  if (SHELL_ONLY.test(text)) {
    const program = {
      value: { kind: 'command' as const, command: runs },
      because: `package.json has the script ${name}`,
    }
    return { program, source: firstModule(files, text), port: undefined, framework: undefined, build: undefined }
  }
  const read = readCommand(files, text, runs)
  const build = buildOf(files, scripts, { before: builds, needs: read.needs, name })
  return { ...read, program: { value: read.program, because }, build }
}

/** The first word of a script that is a file of the project's own. */
function firstModule(files: ProjectFiles, text: string): string | undefined {
  const words = text.split(/[\s|;&<>]+/).filter((word) => /^[\w./-]*\w[\w./-]*$/.test(word))
  return words.map((word) => resolveModule(files, word)).find((path) => path !== undefined)
}

/** What has to be built: what the script itself builds, and what it needs that is not there. */
function buildOf(
  files: ProjectFiles,
  scripts: Manifest['scripts'],
  start: { before: readonly string[]; needs: string | undefined; name: string },
): Fact<string> | undefined {
  const { before, needs, name } = start
  const isThere = (path: string): boolean => files.paths.has(path) || files.paths.has(`${path}/`)
  const isMissing = needs === undefined ? !OUTPUTS.some(isThere) : !isThere(needs)
  if (before.length > 0) {
    return { value: [...new Set(before)].join(' && '), because: `the script ${name} does it before it starts` }
  }
  if (scripts['build'] === undefined || !isMissing) return undefined
  const because = needs === undefined ? `nothing is built yet` : `${needs} is not there yet`
  return { value: `${packageManagerOf(files)} run build`, because }
}

/** What a script comes to in the end, and what it does before: `npm run build && node .` starts with `node .`. */
function unfold(scripts: Manifest['scripts'], name: string): { text: string; builds: readonly string[] } {
  let text = scripts[name] ?? ''
  const builds = scripts[`pre${name}`] === undefined ? [] : [`npm run pre${name}`]
  for (let depth = 0; depth < NESTED_MAX; depth++) {
    if (SHELL_ONLY.test(text)) break
    const parts = text.split('&&').map((part) => part.trim())
    builds.push(...parts.slice(0, -1))
    text = parts.at(-1) ?? ''
    const nested = scripts[NESTED.exec(text)?.[1] ?? '']
    if (nested === undefined) break
    text = nested
  }
  return { text, builds }
}

function fromFile(files: ProjectFiles, manifest: Manifest | undefined): Start | undefined {
  const candidates = [...(manifest?.main === undefined ? [] : [posix.normalize(manifest.main)]), ...FILES]
  for (const candidate of candidates) {
    const source = resolveModule(files, candidate)
    if (source === undefined) continue
    const found = findFirst(files, withImports(files, source), SERVES)
    if (found === undefined) continue
    const because = `${found.path}:${found.line} starts a server, and no script says how to run it`
    const program = { value: { kind: 'entry' as const, entry: `./${source}` }, because }
    return { program, source, port: undefined, framework: undefined, build: undefined }
  }
  return undefined
}
